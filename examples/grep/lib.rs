//! Recursive search for a regular expression, with the answers of `grep -rn`.
//!
//! ripgrep's crates walk directories and match lines; a pipeline of Upbeat's keeps the workers busy, the files apart and the errors in one place:
//!
//! - **source**: the walk, asked by one worker at a time;
//! - **stage**: none. A file is searched by whoever writes it down;
//! - **sink**: each worker searches its files into the buffer of its batch, and a batch is one `write`. So the lines of a file are never mixed
//!   with those of another, whoever is fast.
//!
//! What it answers is what GNU grep answers in a UTF-8 locale: a line that is not UTF-8, or that comes behind a NUL, is not shown but said to be there.
//! Patterns are those of Rust's crate `regex`.

mod error;
mod printer;
mod query;
mod search;
mod walk;

pub use error::{BadPattern, SearchError};
pub use query::{Query, Show};
pub use search::{Found, Remark, Search};
