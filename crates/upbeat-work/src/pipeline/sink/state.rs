//! The counts of a sink.

use std::sync::Arc;

use upbeat::BoxError;

use crate::pipeline::{
    options::ItemPolicy,
    outcome::{ItemFailure, PipelineFailure},
};

/// The state of a sink: its counts, and the failures for the report.
#[derive(Debug, Default)]
pub struct SinkState {
    pub(crate) policy: ItemPolicy,
    pub(crate) emitted: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) failures: Vec<ItemFailure>,
    /// The name of the sink, for its panics.
    pub(crate) name: Option<Arc<str>>,
}

impl SinkState {
    /// Counts a failure, and returns it unless it ends the pipeline.
    pub(super) fn count(&mut self, failure: ItemFailure) -> Result<ItemFailure, PipelineFailure> {
        self.failed += 1;
        self.panicked += u64::from(failure.panic().is_some());
        match self.policy {
            ItemPolicy::Record => Ok(failure),
            ItemPolicy::Stop => Err(PipelineFailure::Item(failure)),
        }
    }

    /// Returns a failure of the sink.
    pub(super) fn failure(&self, item: u64, error: BoxError) -> ItemFailure {
        ItemFailure::new(self.name.clone().unwrap_or_else(|| "sink".into()), item, None, error)
    }
}
