//! Streams of results as lines of JSON, and back.

mod encode;
mod entries;
mod entry_error;
mod lines;

pub use encode::JsonLines;
pub use entries::JsonEntries;
pub use entry_error::EntryError;
