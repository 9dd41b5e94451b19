//! What a sink counts.

use std::sync::Arc;

use upbeat::BoxError;

use crate::pipeline::{
    options::OnFailure,
    outcome::{Cause, Failure},
};

/// What is known of the sink's side at any time.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Tally {
    pub(crate) policy: OnFailure,
    pub(crate) emitted: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) kept: Vec<Failure>,
    /// The sink's own name, for its panics.
    pub(crate) sink: Option<Arc<str>>,
}

impl Tally {
    pub(super) fn count(&mut self, failure: Failure) -> Result<Failure, Cause> {
        self.failed += 1;
        self.panicked += u64::from(failure.panic().is_some());
        match self.policy {
            OnFailure::Record => Ok(failure),
            OnFailure::Stop => Err(Cause::Failed(failure)),
        }
    }

    pub(crate) fn of_sink(&self, item: u64, error: BoxError) -> Failure {
        Failure::new(self.sink.clone().unwrap_or_else(|| "sink".into()), item, None, error)
    }
}
