//! Heights and weights: CSV in inches and pounds to JSON lines in centimeters and kilograms.
//!
//! The same three steps ([`parse`], [`to_metric`], [`write_json`]) run in a loop, in a pipeline on
//! threads, or in a pipeline in a tokio task. All ordered modes write the same bytes, and the same
//! records of malformed rows.
//!
//! The header names the columns, in any order. An input without one is refused, because its first
//! row would be lost, and its numbers might be those of another column.
//!
//! A row is a line. A quoted field may contain commas and doubled quotes, but no line break. A
//! quote that is never closed therefore affects only its own row.

mod convert;
mod header;
mod malformed;
mod rows;
mod sample;

pub use convert::{ConvertError, Counts, Job, Mode};
pub use header::{Columns, InvalidHeader};
pub use malformed::{Malformed, Problem, Record};
pub use rows::{Row, parse, to_metric, write_json};
pub use sample::write_sample;

/// The names of the columns, in the order of the JSON.
pub const COLUMNS: [&str; 3] = ["row", "height", "weight"];
