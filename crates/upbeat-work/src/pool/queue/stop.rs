//! The phase of a pool and its end.

use std::sync::Arc;

use upbeat::BoxError;

use super::report::Lost;

/// The phase of a pool, and the results of its end.
pub(crate) struct Stop {
    pub(crate) phase: PoolPhase,
    /// The number of aborts in progress, whose losses are not recorded yet.
    pub(crate) aborting: usize,
    pub(crate) lost: Vec<Lost>,
    /// The error of a worker state that could not be built.
    pub(crate) failure: Option<Arc<BoxError>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolPhase {
    /// Jobs are accepted. There are no workers yet.
    NotStarted,
    Running,
    /// No jobs are accepted. Workers leave when no job is queued.
    Draining,
    Stopped,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { phase: PoolPhase::NotStarted, aborting: 0, lost: Vec::new(), failure: None }
    }

    /// Begins a new run.
    pub(crate) fn reset(&mut self) {
        self.lost.clear();
        self.failure = None;
    }
}
