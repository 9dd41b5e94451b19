//! The real HTTP server in a simulated network that delays, holds and drops messages.
//!
//! Every scenario runs with many seeds. If it fails, the last printed seed is the cause. See
//! `ladder/README.md`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod client;
mod crash;
mod drain;
mod simulation;
