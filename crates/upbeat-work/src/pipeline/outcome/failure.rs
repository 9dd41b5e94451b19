//! Reasons for the early end of a pipeline.

use upbeat::{BoxError, panic::Panic};

use super::item_failure::ItemFailure;

/// The reason why a pipeline has not run to the end of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineFailure {
    /// An item failed, and the policy was to [stop](crate::pipeline::ItemPolicy::Stop).
    #[error(transparent)]
    Item(ItemFailure),
    /// The source failed or panicked. Items taken before have been emitted.
    #[error("source failed")]
    Source(#[source] BoxError),
    /// The sink failed, so no item can be emitted.
    #[error("sink failed")]
    Sink(#[source] BoxError),
    /// Code of the caller panicked outside the processing of an item, such as the drop of an item.
    #[error("worker panicked")]
    Panicked(#[source] Panic),
    /// The source, a stage or the sink did not return within the deadline of a stop. Its thread is
    /// left behind.
    #[error("deadline exceeded: the source, a stage or the sink did not return")]
    DeadlineExceeded,
}
