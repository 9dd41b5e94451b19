//! Bounds on the futures of an asynchronous stage.

/// The number of futures that an [asynchronous stage](crate::Pipeline::map_async) has in flight,
/// and the order in which they come out.
///
/// A number alone is [ordered](Concurrency::ordered).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    pub(crate) max: usize,
    pub(crate) ordered: bool,
}

impl Concurrency {
    /// Allows at most `max` futures in flight, at least one. They come out in the order of their
    /// items.
    ///
    /// A future that takes long holds back the results behind it. Results that are held back count
    /// as in flight.
    pub fn ordered(max: usize) -> Self {
        Self { max: max.max(1), ordered: true }
    }

    /// Allows at most `max` futures in flight, at least one. They come out as they finish.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, pipeline::Concurrency};
    /// # use std::time::Duration;
    /// let waits = Pipeline::from_iter([50, 1]).map_async(Concurrency::unordered(2), async |ms| {
    ///     tokio::time::sleep(Duration::from_millis(ms)).await;
    ///     ms
    /// });
    /// assert_eq!(waits.collect().run()?.output, [1, 50]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u64>>>(())
    /// ```
    pub fn unordered(max: usize) -> Self {
        Self { max: max.max(1), ordered: false }
    }
}

impl From<usize> for Concurrency {
    fn from(max: usize) -> Self {
        Self::ordered(max)
    }
}
