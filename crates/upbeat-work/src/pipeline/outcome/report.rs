//! How a pipeline ended.

use std::{fmt, time::Duration};

use super::item::ItemFailure;

/// What a pipeline did.
///
/// An item that was taken went through the stages (and then was filtered out, failed, or became what was emitted) or was dropped. Where an item or the
/// sink ended the pipeline, the rest of that batch is in none of the counts.
#[derive(Debug)]
#[non_exhaustive]
pub struct PipelineReport<T> {
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
    /// Failures that were [passed along](crate::Pipeline::failures_as_items).
    pub passed: u64,
    /// Items that were taken and then dropped, because of a stop or of an end before the source's.
    pub dropped: u64,
    /// The first failures, at most [`KEPT`](PipelineReport::KEPT); none if they were [sent elsewhere](crate::pipeline::Runnable::failures_to).
    pub failures: Vec<ItemFailure>,
    /// Whether it was asked to stop before its source had ended.
    pub stopped: bool,
    /// How long it took.
    pub elapsed: Duration,
}

impl<T> PipelineReport<T> {
    /// How many failures a report keeps.
    pub const KEPT: usize = 64;

    /// Whether every item of the source went through, and none failed.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.passed == 0 && self.dropped == 0 && !self.stopped
    }
}

impl<T> fmt::Display for PipelineReport<T> {
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
