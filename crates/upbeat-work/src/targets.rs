//! The targets of this crate's log events, for filters.
//!
//! They are stable: a renamed module does not change them. `docs/log-events.md` lists the events.

/// Panics of jobs, and worker states that cannot be built.
pub const POOL: &str = "upbeat_work::pool";

/// Pipelines that run with fewer workers than set.
pub const PIPELINE: &str = "upbeat_work::pipeline";
