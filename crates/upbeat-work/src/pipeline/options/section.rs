//! Settings of a section.

use std::time::Duration;

use crate::parallelism::PROCESSORS;

/// The default of [`Section::batch_time`].
///
/// It is long enough that the costs of a batch, some hundred nanoseconds, do not count. It is short
/// enough that workers stay busy to the end, a stop is quick, and a batch fits the caches.
const BATCH_TIME: Duration = Duration::from_micros(50);

/// Settings of the stages up to a [split](crate::Pipeline::split): workers, order and bounds.
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
#[must_use = "it only describes a section until it is passed to `split`"]
pub struct Section {
    pub(crate) workers: usize,
    pub(crate) window: Option<usize>,
    pub(crate) max_batch: Option<usize>,
    pub(crate) batch_time: Duration,
    pub(crate) ordered: bool,
    pub(crate) buffer: usize,
}

impl Section {
    /// Returns an ordered section with one worker for each processor.
    ///
    /// Its window is four batches for each worker, and its buffer two batches.
    pub fn new() -> Self {
        Self { workers: *PROCESSORS, window: None, max_batch: None, batch_time: BATCH_TIME, ordered: true, buffer: 2 }
    }

    /// Sets the number of workers, as [`Runnable::workers`](crate::pipeline::Runnable::workers).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Emits batches as they are finished, as
    /// [`Runnable::unordered`](crate::pipeline::Runnable::unordered).
    ///
    /// The sections behind keep the order in which items leave this one.
    pub fn unordered(mut self) -> Self {
        self.ordered = false;
        self
    }

    /// Bounds the batches in flight, as [`Runnable::window`](crate::pipeline::Runnable::window).
    pub fn window(mut self, batches: usize) -> Self {
        self.window = Some(batches.max(1));
        self
    }

    /// Bounds the size of a batch, as
    /// [`Runnable::max_batch`](crate::pipeline::Runnable::max_batch).
    pub fn max_batch(mut self, size: usize) -> Self {
        self.max_batch = Some(size.max(1));
        self
    }

    /// Sets the work in a batch, as
    /// [`Runnable::batch_time`](crate::pipeline::Runnable::batch_time).
    pub fn batch_time(mut self, time: Duration) -> Self {
        self.batch_time = time;
        self
    }

    /// Sets how many batches of this section may wait for the next section, at least one.
    ///
    /// The next section takes one more batch out of the buffer while it works.
    pub fn buffer(mut self, batches: usize) -> Self {
        self.buffer = batches.max(1);
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
