//! The real program, played by a test.

pub mod http;
pub mod program;
