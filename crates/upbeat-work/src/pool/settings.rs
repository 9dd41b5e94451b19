//! How large a pool is.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use crate::parallelism::PROCESSORS;

pub(super) struct Settings<J> {
    pub(super) workers: RangeInclusive<usize>,
    pub(super) queue: usize,
    pub(super) grow_after: Duration,
    pub(super) idle_after: Duration,
    pub(super) attempts: u32,
    pub(super) backoff: Duration,
    pub(super) longest_backoff: Duration,
    pub(super) describe: Option<Describe<J>>,
}

pub(super) type Describe<J> = Arc<dyn Fn(&J) -> String + Send + Sync>;

impl<J> Default for Settings<J> {
    fn default() -> Self {
        let workers = *PROCESSORS;
        Self {
            workers: workers..=workers,
            queue: 1024,
            grow_after: Duration::from_millis(10),
            idle_after: Duration::from_secs(10),
            attempts: 5,
            backoff: Duration::from_millis(100),
            longest_backoff: Duration::from_secs(10),
            describe: None,
        }
    }
}

impl<J> Settings<J> {
    pub(super) fn is_elastic(&self) -> bool {
        self.workers.start() < self.workers.end()
    }

    /// How long to wait after the `failed`th failure in a row.
    pub(super) fn delay(&self, failed: u32) -> Duration {
        let factor = 1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(factor).min(self.longest_backoff)
    }
}
