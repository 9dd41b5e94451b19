//! How a section runs.

use std::time::Duration;

use crate::pipeline::{options::Section, source::Source};

/// How a pipeline runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) workers: usize,
    pub(crate) window: usize,
    pub(crate) ordered: bool,
    pub(crate) first_batch: usize,
    pub(crate) most_batch: usize,
    pub(crate) batch_time: Duration,
}

impl EngineConfig {
    /// What is not said depends on the source.
    pub(crate) fn of<S: Source>(section: &Section) -> Self {
        let (first, most) = S::SIZE;
        Self {
            workers: section.workers,
            window: section.window_size(),
            ordered: section.ordered,
            first_batch: first,
            most_batch: section.most.unwrap_or(most),
            batch_time: section.batch_time,
        }
    }
}
