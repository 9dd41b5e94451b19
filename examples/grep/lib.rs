//! Recursive search for a regular expression, with the output of `grep -rn`.
//!
//! The crates of ripgrep walk directories and match lines. A pipeline distributes the files over
//! workers, keeps their lines apart, and collects the errors:
//!
//! - **source**: the walk, which one worker at a time polls;
//! - **stage**: each worker searches its files, and collects their lines;
//! - **sink**: one worker at a time writes the lines of a file, which are therefore never mixed
//!   with those of another. If they are too many to collect, or if the file is a pipe or a device,
//!   the sink itself searches the rest and writes lines as they come.
//!
//! The output is that of GNU grep in a UTF-8 locale. A line that is not UTF-8, or that follows a
//! NUL, is not shown, but reported. Patterns have the syntax of the crate `regex`.

mod error;
mod outlet;
mod printer;
mod query;
mod search;
mod walk;

pub use error::{InvalidPattern, SearchError};
pub use query::{Query, Show};
pub use search::{Found, Notice, Search};
