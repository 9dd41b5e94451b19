//! The real pools, pipelines and hubs under random and PCT schedules, as the `schedules` do it with
//! the conductor.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "../schedules/explore.rs"]
mod explore;
mod hub;
mod pipeline;
mod pool;
