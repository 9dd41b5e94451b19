//! Heights and weights: CSV in inches and pounds to JSON lines in centimetres and kilograms.
//!
//! The same three steps ([`parse`], [`to_metric`], [`write_json`]) run in a plain loop, in a pipeline on threads, or in a pipeline inside tokio. In
//! order, all of them write the same bytes, and the same records of rows that are malformed.
//!
//! A row is a line: a quoted field may hold commas and doubled quotes, but no line break. So a quote that is never closed spoils its own row, and
//! not all that come behind.

mod convert;
mod malformed;
mod rows;
mod sample;

pub use convert::{ConvertError, Counts, Job, Mode};
pub use malformed::{Malformed, Problem, Record};
pub use rows::{Row, parse, to_metric, write_json};
pub use sample::write_sample;

/// The columns, in this order.
pub const COLUMNS: [&str; 3] = ["row", "height", "weight"];
