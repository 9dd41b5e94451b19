//! Tables of a score file, and the readers of their values.

pub(super) mod depends_on;
mod restart;
mod value;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fault::{Fault, Faults, Span},
    suggest::suggest,
};

/// A key and its value, with their positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    key_span: (usize, usize),
    pub(super) value: &'a DeValue<'a>,
    value_span: (usize, usize),
}

impl<'a> Entry<'a> {
    pub(super) fn key_span(&self) -> Span {
        self.key_span.0..self.key_span.1
    }

    pub(super) fn value_span(&self) -> Span {
        self.value_span.0..self.value_span.1
    }

    /// Reads the value as a table, which messages call `title`.
    pub(super) fn table(&self, title: impl Into<String>, example: &str, faults: &mut Faults) -> Option<Table<'a>> {
        let DeValue::Table(table) = self.value else {
            faults.push(self.expected("a table", example));
            return None;
        };
        Some(Table::new(title, self.key_span(), table))
    }

    /// Returns the fault of a value of another type than expected.
    fn expected(&self, expected: &str, example: &str) -> Fault {
        Fault::new(self.value_span(), format!("`{}` takes {expected}", self.key))
            .label(format!("found {}", type_of(self.value)))
            .help(format!("write `{example}`"))
    }

    /// Returns the elements of an array under this key.
    fn elements(&self, array: &'a [Spanned<DeValue<'a>>]) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (key, key_span) = (self.key, self.key_span);
        array.iter().map(move |element| {
            let span = element.span();
            Entry { key, key_span, value: element.get_ref(), value_span: (span.start, span.end) }
        })
    }
}

/// A table from which each known key is taken, so that only unknown keys are left.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// The name in messages, such as `` `[server.web]` ``.
    title: String,
    span: Span,
    left: Vec<Entry<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// Returns a reader of `table`, whose name is at `span`.
    pub(super) fn new(title: impl Into<String>, span: Span, table: &'a DeTable<'a>) -> Self {
        let mut left: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let (key_span, value_span) = (key.span(), value.span());
                // A value that the TOML parser has substituted has no position. Its key has one.
                let value_span = if value_span.is_empty() { key_span.clone() } else { value_span };
                Entry {
                    key: key.get_ref(),
                    key_span: (key_span.start, key_span.end),
                    value: value.get_ref(),
                    value_span: (value_span.start, value_span.end),
                }
            })
            .collect();
        left.sort_by_key(|entry| entry.key_span);
        Self { title: title.into(), span, left, known: Vec::new() }
    }

    /// Returns the position of the table's name.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Takes the entry of an optional key, and marks the key as known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.push(key);
        let index = self.left.iter().position(|entry| entry.key == key)?;
        Some(self.left.remove(index))
    }

    /// Takes the entry of a required key. A missing one is a fault that suggests `example`.
    pub(super) fn require(&mut self, key: &'static str, example: &str, faults: &mut Faults) -> Option<Entry<'a>> {
        let entry = self.take(key);
        if entry.is_none() {
            faults.push(
                Fault::missing(self.span(), format!("{} has no `{key}`", self.title))
                    .label(format!("`{key}` is required here"))
                    .help(format!("add `{example}`")),
            );
        }
        entry
    }

    /// Takes all entries that are left, for tables whose keys are names that the user chooses.
    pub(super) fn take_all(&mut self) -> Vec<Entry<'a>> {
        std::mem::take(&mut self.left)
    }

    /// Adds a fault for each unknown key. Tables named `x-…` are ignored.
    pub(super) fn finish(self, faults: &mut Faults) {
        for entry in self.left {
            if entry.key.starts_with("x-") && matches!(entry.value, DeValue::Table(_)) {
                continue;
            }
            let fault = Fault::new(entry.key_span(), format!("{} has no key `{}`", self.title, entry.key))
                .label("unknown key")
                .help(suggest(entry.key, &self.known, "key"));
            faults.push(fault);
        }
    }
}

/// Returns the type of a value, with its article.
fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
