//! The key `depends_on`: names, or names with what to wait for.

use toml::de::DeValue;
use upbeat_score::Condition;

use super::{
    fault::{Fault, Faults, Span},
    table::Entry,
};

/// An edge to another server, and where it is written.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The name of the other.
    pub(crate) on: String,
    /// What to wait for, if that is written.
    pub(crate) condition: Option<Condition>,
    /// Where the name is written.
    pub(crate) span: Span,
}

const CONDITIONS: [(&str, Condition); 3] =
    [("started", Condition::Started), ("ready", Condition::Ready), ("finished", Condition::Finished)];

const EXAMPLE: &str = r#"depends_on = ["db"]"#;

impl Entry<'_> {
    /// The edges under this key; those that cannot be read are left out.
    pub(super) fn dependencies(&self, title: &str, faults: &mut Faults) -> Vec<Dependency> {
        match self.value {
            DeValue::Array(names) => {
                let mut edges: Vec<Dependency> = Vec::new();
                for name in self.elements(names) {
                    let Some(edge) = named(&name, faults) else { continue };
                    match edges.iter().find(|earlier| earlier.on == edge.on) {
                        Some(earlier) => faults.push(twice(&edge, earlier)),
                        None => edges.push(edge),
                    }
                }
                edges
            }
            DeValue::Table(_) => {
                let table = self.table(format!("`depends_on` of {title}"), EXAMPLE, faults);
                let entries = table.map(|mut table| table.take_all()).unwrap_or_default();
                entries.iter().map(|entry| conditional(entry, faults)).collect()
            }
            _ => {
                let both = format!("write `{EXAMPLE}`, or `depends_on = {{ db = \"ready\" }}`");
                faults.push(self.expected("an array of names or a table", EXAMPLE).help(both));
                Vec::new()
            }
        }
    }
}

fn named(name: &Entry<'_>, faults: &mut Faults) -> Option<Dependency> {
    let on = name.string(r#"["db"]"#, faults)?.to_owned();
    Some(Dependency { on, condition: None, span: name.value_span() })
}

fn twice(edge: &Dependency, earlier: &Dependency) -> Fault {
    Fault::new(edge.span.clone(), format!("`{}` is named twice", edge.on))
        .label("once is enough")
        .also(earlier.span.clone(), "named here already")
        .help("remove one of the two")
}

/// An edge with its condition. One whose condition is wrong is still an edge, and takes part in the search for circles.
fn conditional(entry: &Entry<'_>, faults: &mut Faults) -> Dependency {
    let condition = entry.choice(&CONDITIONS, faults);
    Dependency { on: entry.key.to_owned(), condition, span: entry.key_span() }
}
