//! What the engine drives.

use upbeat::BoxError;

use crate::pipeline::{control::SourceWait, sink::SinkClosed, source::Filled};

/// What the engine drives, without types of items.
pub(crate) trait Executor: Send + Sync {
    type Source: Send;
    type Sink: Send;
    type Batch: Default + Send;

    fn fill(
        &self,
        source: &mut Self::Source,
        batch: &mut Self::Batch,
        want: usize,
        waiting: &SourceWait,
    ) -> Result<Filled, BoxError>;

    /// The source is to stop. Returns whether what it has accepted is still to be taken.
    fn close(&self, source: &mut Self::Source) -> bool;

    /// Nothing more is taken or emitted. Returns how many items the source had accepted that now are lost.
    fn leave(&self, source: &mut Self::Source, sink: Option<&mut Self::Sink>) -> u64;

    /// Returns whether the time it took is that of its items.
    fn work(&self, batch: &mut Self::Batch) -> bool;

    /// Leaves the batch empty.
    fn emit(&self, sink: &mut Self::Sink, batch: &mut Self::Batch) -> Result<(), SinkClosed>;

    /// Leaves the batch empty, and says how many items of the source were in it.
    fn discard(&self, batch: &mut Self::Batch) -> u64;
}
