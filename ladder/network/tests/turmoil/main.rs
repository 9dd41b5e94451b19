//! The real HTTP server in a simulated network that delays, holds, drops and forgets.
//!
//! Every scenario runs with many seeds; the last one that is printed is the one that failed. See "The reliability ladder" in
//! ARCHITECTURE.md.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod client;
mod crash;
mod drain;
mod world;
