//! The report of a pipeline.

use std::{fmt, time::Duration};

use super::item_failure::ItemFailure;

/// The report of a pipeline: its output, its counts, and the failures of items.
///
/// An item that was taken went through the stages or was dropped. In the stages it was filtered
/// out, failed, or became emitted items. If an item or the sink ended the pipeline, the rest of
/// that batch is in none of the counts.
#[derive(Debug)]
#[non_exhaustive]
pub struct PipelineReport<T> {
    /// The output of the sink: the collection, the accumulator, the writer.
    pub output: T,
    /// The items taken from the source. For a source of lines or blocks, lines.
    pub taken: u64,
    /// The items that the sink received.
    pub emitted: u64,
    /// The items that failed and were recorded, including panics of a stage or of the sink.
    pub failed: u64,
    /// The failed items whose stage, or sink, panicked.
    pub panicked: u64,
    /// The failures that became [items](crate::Pipeline::failures_as_items).
    pub failures_as_items: u64,
    /// The items that were taken and then dropped, because of a stop or an early end.
    pub dropped: u64,
    /// The first failures, at most [`MAX_FAILURES`](PipelineReport::MAX_FAILURES).
    ///
    /// There are none if failures were [sent elsewhere](crate::pipeline::Runnable::failures_to).
    pub failures: Vec<ItemFailure>,
    /// Whether the pipeline was stopped before its source had ended.
    pub stopped: bool,
    /// The duration of the run.
    pub elapsed: Duration,
}

impl<T> PipelineReport<T> {
    /// The number of failures that a report keeps.
    pub const MAX_FAILURES: usize = 64;

    /// Returns whether the source ended, and no item failed or was dropped.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.failures_as_items == 0 && self.dropped == 0 && !self.stopped
    }
}

impl<T> fmt::Display for PipelineReport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taken, {} emitted", self.taken, self.emitted)?;
        for (count, what) in [
            (self.failed, "failed"),
            (self.panicked, "of them panicked"),
            (self.failures_as_items, "failures as items"),
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
