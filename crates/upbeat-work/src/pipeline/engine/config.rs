//! Settings of an engine.

use std::time::Duration;

use crate::pipeline::{options::Section, source::Source};

/// The settings of an engine, with the defaults of its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) workers: usize,
    pub(crate) window: usize,
    pub(crate) ordered: bool,
    pub(crate) first_batch: usize,
    pub(crate) max_batch: usize,
    pub(crate) batch_time: Duration,
}

impl EngineConfig {
    /// Returns the settings of a section that begins with a source of type `S`.
    pub(crate) fn of<S: Source>(section: &Section) -> Self {
        let (first, max) = S::SIZE;
        Self {
            workers: section.workers,
            window: section.window_size(),
            ordered: section.ordered,
            first_batch: first,
            max_batch: section.max_batch.unwrap_or(max),
            batch_time: section.batch_time,
        }
    }
}
