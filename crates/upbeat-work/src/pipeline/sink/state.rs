//! What a sink counts.

use std::sync::Arc;

use upbeat::BoxError;

use crate::pipeline::{
    options::ItemPolicy,
    outcome::{ItemFailure, PipelineFailure},
};

/// What is known of the sink's side at any time.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct SinkState {
    pub(crate) policy: ItemPolicy,
    pub(crate) emitted: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) kept: Vec<ItemFailure>,
    /// The sink's own name, for its panics.
    pub(crate) sink: Option<Arc<str>>,
}

impl SinkState {
    pub(super) fn count(&mut self, failure: ItemFailure) -> Result<ItemFailure, PipelineFailure> {
        self.failed += 1;
        self.panicked += u64::from(failure.panic().is_some());
        match self.policy {
            ItemPolicy::Record => Ok(failure),
            ItemPolicy::Stop => Err(PipelineFailure::Failed(failure)),
        }
    }

    pub(crate) fn of_sink(&self, item: u64, error: BoxError) -> ItemFailure {
        ItemFailure::new(self.sink.clone().unwrap_or_else(|| "sink".into()), item, None, error)
    }
}
