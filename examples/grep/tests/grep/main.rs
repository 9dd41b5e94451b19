//! Tests of the search.

mod as_gnu_grep;
mod cancelled;
mod program;
mod streams;
