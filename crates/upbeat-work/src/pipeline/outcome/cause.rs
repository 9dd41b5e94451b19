//! Why a pipeline ended early.

use upbeat::{BoxError, panic::Panic};

use super::item::ItemFailure;

/// Why a pipeline could not run to the end of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineFailure {
    /// An item failed, and it was to [stop](crate::pipeline::ItemPolicy::Stop) then.
    #[error("{0}")]
    Failed(#[source] ItemFailure),
    /// The source failed or panicked. What came before has been emitted.
    #[error("the source failed")]
    Source(#[source] BoxError),
    /// The sink failed, so there is nowhere to put anything.
    #[error("the sink failed")]
    Sink(#[source] BoxError),
    /// Something panicked where a panic cannot be pinned on an item: when an item that was to be dropped was.
    #[error("a worker panicked")]
    Panicked(#[source] Panic),
    /// It was asked to stop, and a stage, the source or the sink did not return within the deadline. Its thread is left behind.
    #[error("it did not stop within its deadline: the source, a stage or the sink did not return")]
    Overran,
}
