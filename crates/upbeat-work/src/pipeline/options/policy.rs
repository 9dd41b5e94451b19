//! Policies for items that fail, and for items in flight at a stop.

/// The effect of an item that fails on the other items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemPolicy {
    /// The failure is recorded, and the other items go on.
    #[default]
    Record,
    /// The failure ends the pipeline. Items before it come out, items behind it do not.
    ///
    /// An [unordered](crate::pipeline::Runnable::unordered) pipeline emits items until it notices
    /// the failure. [`run`](crate::pipeline::Runnable::run) returns the failure as
    /// [`PipelineFailure::Item`](crate::pipeline::PipelineFailure::Item).
    Stop,
}

/// The effect of a stop on the items that were taken from the source and have not come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStop {
    /// They go through to the sink: no taken item is lost. A channel is closed, and its queued
    /// items go through too.
    #[default]
    Finish,
    /// They are dropped, and [counted](crate::pipeline::PipelineReport::dropped). A stage or sink
    /// that runs at that moment is not interrupted.
    Drop,
}
