//! A score as data, and its check.

mod check;
mod fault;
mod graph;
mod part;
mod plan;
mod together;

use std::{sync::Arc, time::Duration};

pub(crate) use self::{
    check::{Resolved, own_faults, resolve_part},
    graph::Edge,
    part::default_condition,
    together::{Parts, is_restarted_with, restarted_with},
};
pub use self::{
    fault::{Fault, ScoreError},
    part::{After, Condition, Kind, OnFailure, OnUnresponsive, PartSpec, Readiness, Strategy, Watchdog},
    plan::{Plan, StopPath, Warning},
};

/// Everything to be played together: the parts, and the policies that they share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Score {
    /// The name of the conductor, which is the first segment of every part's path.
    pub name: Arc<str>,
    /// The parts, in any order.
    pub parts: Vec<PartSpec>,
    /// The time that the whole stop may take, lame duck period included. Default 10 s.
    pub stop_timeout: Duration,
    /// The time that parts keep running after a stop was requested, reported as not ready. Default
    /// zero.
    pub lame_duck: Duration,
    /// The parts that are restarted together.
    pub strategy: Strategy,
}

impl Score {
    /// The default of [`Score::stop_timeout`].
    pub const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);

    /// Creates a score without parts.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            parts: Vec::new(),
            stop_timeout: Self::DEFAULT_STOP_TIMEOUT,
            lame_duck: Duration::ZERO,
            strategy: Strategy::OneForOne,
        }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: PartSpec) -> Self {
        self.parts.push(part);
        self
    }
}
