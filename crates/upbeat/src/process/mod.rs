//! Signals, and the end of the process.

pub(crate) mod exit;
pub(crate) mod guard;
pub(crate) mod signals;
mod terminal;
