//! How a pipeline ended.

use std::{error::Error as StdError, fmt, time::Duration};

use upbeat::{BoxError, Panic};

use crate::Failure;

/// What a pipeline did.
///
/// An item that was taken went through the stages (and then was filtered out, failed, or became what was emitted) or was dropped. Where an item or the
/// sink ended the pipeline, the rest of that batch is in none of the counts.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<T> {
    /// What the sink has made: the collection, the accumulator, the writer.
    pub output: T,
    /// Items taken from the source; of a source of lines or blocks, lines.
    pub taken: u64,
    /// Items that the sink was given.
    pub emitted: u64,
    /// Items that failed and were recorded, panics included. A panic of the sink counts too.
    pub failed: u64,
    /// How many of the failed panicked.
    pub panicked: u64,
    /// Failures that were [passed along](crate::Pipeline::pass_along).
    pub passed: u64,
    /// Items that were taken and then dropped, because of a stop or of an end before the source's.
    pub dropped: u64,
    /// The first failures, at most [`KEPT`](Report::KEPT); none if they were [sent elsewhere](crate::Runnable::failures_to).
    pub failures: Vec<Failure>,
    /// Whether it was asked to stop before its source had ended.
    pub stopped: bool,
    /// How long it took.
    pub elapsed: Duration,
}

impl<T> Report<T> {
    /// How many failures a report keeps.
    pub const KEPT: usize = 64;

    /// Whether every item of the source went through, and none failed.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.passed == 0 && self.dropped == 0 && !self.stopped
    }
}

impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taken, {} emitted", self.taken, self.emitted)?;
        for (count, what) in [
            (self.failed, "failed"),
            (self.panicked, "of them panicked"),
            (self.passed, "failures passed along"),
            (self.dropped, "dropped"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, " in {:.3} s", self.elapsed.as_secs_f64())?;
        f.write_str(if self.stopped { ", stopped before the end" } else { "" })
    }
}

/// Why a pipeline could not run to the end of its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// An item failed, and it was to [stop](crate::OnFailure::Stop) then.
    #[error("{0}")]
    Failed(#[source] Failure),
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

/// A pipeline that could not run to the end of its source: the cause, and what it had done by then.
pub struct PipelineError<T> {
    cause: Cause,
    report: Option<Box<Report<T>>>,
}

impl<T> PipelineError<T> {
    pub(crate) fn new(cause: Cause, report: Option<Report<T>>) -> Self {
        Self { cause, report: report.map(Box::new) }
    }

    /// Why.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// What it had done by then, and what the sink had made. `None` if the sink was lost: with [`Cause::Overran`], and maybe with [`Cause::Panicked`].
    pub fn report(&self) -> Option<&Report<T>> {
        self.report.as_deref()
    }

    /// Both, taken apart.
    pub fn into_parts(self) -> (Cause, Option<Report<T>>) {
        (self.cause, self.report.map(|report| *report))
    }
}

impl<T> fmt::Display for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pipeline ended early: {}", self.cause)
    }
}

impl<T> fmt::Debug for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what the sink made: that may be large, and need not be printable.
        f.debug_struct("PipelineError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<T> StdError for PipelineError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
