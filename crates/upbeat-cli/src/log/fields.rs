//! The fields of an event or a span.

use std::fmt::{Debug, Display};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// The field that names a player by its path.
pub(super) const PLAYER: &str = "player";

/// The fields by name.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    /// Removes a field and returns it as text.
    pub(super) fn take_text(&mut self, name: &str) -> Option<String> {
        Some(match self.0.remove(name)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.put(field, chain(error));
    }
}

/// Returns an error and its sources as text.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns a value as it is displayed in a line of text: strings without quotes.
pub(super) fn plain(value: &Value) -> &dyn Display {
    match value {
        Value::String(text) => text,
        other => other,
    }
}
