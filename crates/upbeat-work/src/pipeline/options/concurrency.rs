//! How many futures at once.

/// How many futures an [asynchronous stage](crate::Pipeline::map_async) has under way, and in which order they come out. A number alone is
/// [ordered](Concurrency::ordered).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    pub(crate) most: usize,
    pub(crate) ordered: bool,
}

impl Concurrency {
    /// At most so many at once, at least one. They come out in the order of their items: one that takes long holds back what is finished behind it, and that counts too.
    pub fn ordered(most: usize) -> Self {
        Self { most: most.max(1), ordered: true }
    }

    /// At most so many at once, at least one. They come out as they finish.
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
    pub fn unordered(most: usize) -> Self {
        Self { most: most.max(1), ordered: false }
    }
}

impl From<usize> for Concurrency {
    fn from(most: usize) -> Self {
        Self::ordered(most)
    }
}
