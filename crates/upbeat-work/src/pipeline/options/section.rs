//! How a section of a pipeline runs.

use std::time::Duration;

use crate::parallelism::PROCESSORS;

/// What a batch should take, unless somebody says otherwise. Enough that what is paid per batch (some hundred nanoseconds) does not count, and little enough that the workers stay busy to the
/// end, that a stop is quick, and that a batch fits the caches.
const BATCH_TIME: Duration = Duration::from_micros(50);

/// How the stages up to a [split](crate::Pipeline::split) run: with workers, order and bounds of their own.
///
/// ```
/// use upbeat_work::{Pipeline, Section};
///
/// let parsed = Pipeline::from_iter(["1", "2", "3"])
///     .map(|text| text.len())
///     .split(Section::new().workers(2).unordered().buffer(4))
///     .fold(0, |sum, length| *sum += length);
/// assert_eq!(parsed.workers(1).run()?.output, 3);
/// # Ok::<_, upbeat_work::PipelineError<usize>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it says how the stages before a split run"]
pub struct Section {
    pub(crate) workers: usize,
    pub(crate) window: Option<usize>,
    pub(crate) most: Option<usize>,
    pub(crate) batch_time: Duration,
    pub(crate) ordered: bool,
    pub(crate) joint: usize,
}

impl Section {
    /// Ordered, a worker per processor, four batches in the window for each, two in the joint behind it.
    pub fn new() -> Self {
        Self { workers: *PROCESSORS, window: None, most: None, batch_time: BATCH_TIME, ordered: true, joint: 2 }
    }

    /// As [`Runnable::workers`](crate::pipeline::Runnable::workers).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// As [`Runnable::unordered`](crate::pipeline::Runnable::unordered). What stands behind it keeps the order in which items come out here.
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// As [`Runnable::window`](crate::pipeline::Runnable::window).
    pub fn window(mut self, batches: usize) -> Self {
        self.window = Some(batches.max(1));
        self
    }

    /// As [`Runnable::max_batch`](crate::pipeline::Runnable::max_batch).
    pub fn max_batch(mut self, size: usize) -> Self {
        self.most = Some(size.max(1));
        self
    }

    /// As [`Runnable::batch_time`](crate::pipeline::Runnable::batch_time).
    pub fn batch_time(mut self, aim: Duration) -> Self {
        self.batch_time = aim;
        self
    }

    /// How many batches of this section may wait for the one behind it, at least one. They are as large as this section's; the one behind takes one more apart.
    pub fn buffer(mut self, batches: usize) -> Self {
        self.joint = batches.max(1);
        self
    }

    pub(crate) fn window_size(&self) -> usize {
        self.window.unwrap_or(self.workers.saturating_mul(4))
    }
}

impl Default for Section {
    fn default() -> Self {
        Self::new()
    }
}
