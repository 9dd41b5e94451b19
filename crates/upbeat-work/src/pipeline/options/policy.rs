//! What happens to items that fail, and to those inside at a stop.

/// What a failed item means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ItemPolicy {
    /// It is recorded, and the others go on.
    #[default]
    Record,
    /// It ends the pipeline: what comes before it has come out, nothing behind it does (in an [unordered](crate::pipeline::Runnable::unordered) pipeline: what has come
    /// out until it is noticed). [`run`](crate::pipeline::Runnable::run) returns it as the [cause](crate::pipeline::PipelineFailure::Failed).
    Stop,
}

/// What a stop does with the items that were taken from the source and have not come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStop {
    /// They go through to the sink: nothing that was taken is lost. A channel is closed, and what lies in it goes through as well.
    #[default]
    Finish,
    /// They are dropped, and [counted](crate::pipeline::PipelineReport::dropped). What is inside a stage or the sink at that instant is not interrupted.
    Drop,
}
