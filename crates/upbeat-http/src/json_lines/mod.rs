//! Entries as lines of JSON, one after the other, with errors among them: from a stream to bytes, and back.

mod encode;
mod entries;
mod entry_error;
mod lines;

pub use encode::JsonLines;
pub use entries::JsonEntries;
pub use entry_error::EntryError;
