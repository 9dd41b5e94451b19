//! The tests of log events. Each test has a subscriber of its own thread.
//!
//! `tracing` caches per process whether an event has subscribers. No other tests may run here.

mod captured;
#[path = "../it/common/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other test binary uses the rest")]
mod common;
mod problem;
mod request_span;
mod stall;
