//! Harm for tests: what the world does to a program, as functions that a test calls.
//!
//! Each module is one kind of harm. A test of a kind uses the module instead of an anecdote of its
//! own, so every crate is tried with the same harm.

pub mod black_hole;
pub mod child;
pub mod clock;
pub mod descriptors;
pub mod log;
pub mod pipe;
pub mod process;
