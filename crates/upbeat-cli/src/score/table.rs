//! A table of the score while it is being read.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fault::{Fault, Faults, Span},
    nearest::instead,
};

/// A key with its value, both with their places.
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

    /// The same entry seen as a table, which messages call `title`; a fault if it is something else.
    pub(super) fn table(&self, title: impl Into<String>, example: &str, faults: &mut Faults) -> Option<Table<'a>> {
        let DeValue::Table(table) = self.value else {
            faults.push(self.expected("a table", example));
            return None;
        };
        Some(Table::new(title, self.key_span(), table))
    }

    /// The fault of a value that is not what its key takes.
    pub(super) fn expected(&self, expected: &str, example: &str) -> Fault {
        Fault::new(self.value_span(), format!("`{}` takes {expected}", self.key))
            .label(format!("found {}", a(self.value)))
            .help(format!("write `{example}`"))
    }

    /// The elements of an array under this key.
    pub(super) fn elements(&self, array: &'a [Spanned<DeValue<'a>>]) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (key, key_span) = (self.key, self.key_span);
        array.iter().map(move |element| {
            let span = element.span();
            Entry { key, key_span, value: element.get_ref(), value_span: (span.start, span.end) }
        })
    }
}

/// A table that is emptied key by key, so that what is left at the end is what nobody knows.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// How messages call it, such as `` `[server.web]` ``.
    title: String,
    span: Span,
    left: Vec<Entry<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// Begins to read `table`; `span` is where it gets its name.
    pub(super) fn new(title: impl Into<String>, span: Span, table: &'a DeTable<'a>) -> Self {
        let mut left: Vec<_> = table
            .iter()
            .map(|(key, value)| {
                let (key_span, value_span) = (key.span(), value.span());
                // A value that the parser had to make up has no place: what is said of it belongs to its key.
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

    /// Where the table gets its name.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Takes the entry of a key that may be there, and remembers that the key is known.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.known.push(key);
        let at = self.left.iter().position(|entry| entry.key == key)?;
        Some(self.left.remove(at))
    }

    /// Takes the entry of a key that has to be there; `example` is what could have been written.
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

    /// Takes everything that is left, for tables whose keys are the user's own names.
    pub(super) fn take_all(&mut self) -> Vec<Entry<'a>> {
        std::mem::take(&mut self.left)
    }

    /// Complains about every key that nobody asked for. Tables named `x-…` are the user's own.
    pub(super) fn finish(self, faults: &mut Faults) {
        for entry in self.left {
            if entry.key.starts_with("x-") && matches!(entry.value, DeValue::Table(_)) {
                continue;
            }
            let fault = Fault::new(entry.key_span(), format!("{} has no key `{}`", self.title, entry.key))
                .label("unknown key")
                .help(instead(entry.key, &self.known, "key"));
            faults.push(fault);
        }
    }
}

/// What a value is, with its article.
pub(super) fn a(value: &DeValue<'_>) -> &'static str {
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
