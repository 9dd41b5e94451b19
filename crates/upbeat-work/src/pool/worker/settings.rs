//! The settings of a pool.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use crate::parallelism::PROCESSORS;

pub(crate) struct PoolSettings<J> {
    pub(crate) workers: RangeInclusive<usize>,
    pub(crate) queue_capacity: usize,
    pub(crate) grow_after: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) name_job: Option<NameJob<J>>,
}

pub(crate) type NameJob<J> = Arc<dyn Fn(&J) -> String + Send + Sync>;

impl<J> Default for PoolSettings<J> {
    fn default() -> Self {
        let workers = *PROCESSORS;
        Self {
            workers: workers..=workers,
            queue_capacity: 1024,
            grow_after: Duration::from_millis(10),
            idle_timeout: Duration::from_secs(10),
            max_attempts: 5,
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            name_job: None,
        }
    }
}

impl<J> PoolSettings<J> {
    pub(crate) fn is_elastic(&self) -> bool {
        self.workers.start() < self.workers.end()
    }

    /// Returns the delay after the `failed`th failure in a row.
    pub(crate) fn delay(&self, failed: u32) -> Duration {
        let factor = 1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(factor).min(self.max_backoff)
    }
}
