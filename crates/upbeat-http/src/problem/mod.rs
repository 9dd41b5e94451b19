//! Errors as responses.

mod from;
mod render;
mod value;

pub(crate) use render::{PROBLEM_JSON, refine};
pub use value::Problem;
