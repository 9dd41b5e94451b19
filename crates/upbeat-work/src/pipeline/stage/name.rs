//! Names of stages.

use std::{panic::Location, sync::Arc};

use parking_lot::Mutex;

/// The name of a stage that runs in its own section, which is set after the section was made.
pub(crate) type SharedName = Arc<Mutex<Arc<str>>>;

/// Returns the name of a stage that the caller has not named.
pub(crate) fn default_name(kind: &str, at: &Location<'_>) -> Arc<str> {
    format!("{kind} at {}:{}", at.file(), at.line()).into()
}
