//! The key `depends_on`: names, or names with conditions.

use toml::de::DeValue;
use upbeat_score::Condition;

use super::Entry;
use crate::score::fault::{Fault, Faults, Span};

/// A dependency on another server.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    /// The name of the other server.
    pub(crate) on: String,
    /// The condition to wait for, if it is set.
    pub(crate) condition: Option<Condition>,
    /// The position of the name.
    pub(crate) span: Span,
}

const CONDITIONS: [(&str, Condition); 3] =
    [("started", Condition::Started), ("ready", Condition::Ready), ("finished", Condition::Finished)];

const EXAMPLE: &str = r#"depends_on = ["db"]"#;

impl Entry<'_> {
    /// Reads the dependencies under this key. Invalid ones are left out.
    pub(in crate::score) fn dependencies(&self, title: &str, faults: &mut Faults) -> Vec<Dependency> {
        match self.value {
            DeValue::Array(names) => {
                let mut edges: Vec<Dependency> = Vec::new();
                for name in self.elements(names) {
                    let Some(edge) = named(&name, faults) else { continue };
                    match edges.iter().find(|earlier| earlier.on == edge.on) {
                        Some(earlier) => faults.push(duplicate(&edge, earlier)),
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

fn duplicate(edge: &Dependency, earlier: &Dependency) -> Fault {
    Fault::new(edge.span.clone(), format!("`{}` is named twice", edge.on))
        .label("named again")
        .also(earlier.span.clone(), "first named here")
        .help("remove one of the two")
}

/// Reads a dependency with its condition. If the condition is invalid, the dependency is kept for
/// the detection of cycles.
fn conditional(entry: &Entry<'_>, faults: &mut Faults) -> Dependency {
    let condition = entry.choice(&CONDITIONS, faults);
    Dependency { on: entry.key.to_owned(), condition, span: entry.key_span() }
}
