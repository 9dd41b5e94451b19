//! Names of stages.

use std::{panic::Location, sync::Arc};

use parking_lot::Mutex;

/// A stage's name, which is told after the stage was made.
pub(crate) type SharedName = Arc<Mutex<Arc<str>>>;

pub(crate) fn default_name(kind: &str, at: &Location<'_>) -> Arc<str> {
    format!("{kind} at {}:{}", at.file(), at.line()).into()
}
