//! Tests of the converter.

mod program;
mod same_bytes;
