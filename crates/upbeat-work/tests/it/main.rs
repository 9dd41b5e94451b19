//! The tests of `upbeat-work` in one program, so that the crate is linked once.
//!
//! Tests that change or measure the whole process have programs of their own: `memory` counts all
//! allocations, `model` silences the panic hook, and `meter` measures times.

mod hub;
mod pipeline;
mod pool;
