//! The settings of a pool, before it is built.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::pool::worker::settings::PoolSettings;

/// A builder of pools, from [`Pool::builder`](super::super::Pool::builder).
///
/// ```
/// use std::time::Duration;
/// use upbeat_work::Pool;
///
/// # struct Connection;
/// # async fn connect() -> Result<Connection, std::io::Error> { Ok(Connection) }
/// # impl Connection { async fn store(&mut self, _: &str) -> u64 { 1 } }
/// let pool = Pool::builder("store")
///     .elastic(1..=8)
///     .queue_capacity(100)
///     .idle_timeout(Duration::from_secs(30))
///     .build(async |_| connect().await, async |connection: &mut Connection, row: String| connection.store(&row).await);
/// # drop(pool);
/// ```
#[must_use = "a pool exists only after `build`"]
pub struct PoolBuilder<J> {
    pub(super) name: Arc<str>,
    pub(super) settings: PoolSettings<J>,
}

impl<J: Send + 'static> PoolBuilder<J> {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, settings: PoolSettings::default() }
    }

    /// Sets the number of workers, at least one. The default is the number of processors.
    pub fn workers(mut self, workers: usize) -> Self {
        let workers = workers.max(1);
        self.settings.workers = workers..=workers;
        self
    }

    /// Sets the smallest and the largest number of workers, at least one. The pool starts with the
    /// smallest.
    ///
    /// If jobs have waited for [`grow_after`](PoolBuilder::grow_after) while no worker was idle, a
    /// worker is added, and another after each further such time. A worker that has been idle for
    /// [`idle_timeout`](PoolBuilder::idle_timeout) leaves. Jobs go to the worker that became idle
    /// last, so that the others can reach that timeout.
    pub fn elastic(mut self, workers: RangeInclusive<usize>) -> Self {
        let min = (*workers.start()).max(1);
        self.settings.workers = min..=(*workers.end()).max(min);
        self
    }

    /// Sets how many jobs may be accepted and not begun, at least one. The default is 1,024.
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.settings.queue_capacity = jobs.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how long jobs wait before an [elastic](PoolBuilder::elastic) pool adds a worker. The
    /// default is 10 ms.
    pub fn grow_after(mut self, wait: Duration) -> Self {
        self.settings.grow_after = wait;
        self
    }

    /// Sets how long a worker of an [elastic](PoolBuilder::elastic) pool is idle before it leaves.
    /// The default is 10 s.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        self
    }

    /// Sets how many times in a row a worker tries to build its state before the pool fails, at
    /// least once. The default is 5.
    ///
    /// The delay between two attempts is 100 ms at first. It doubles each time, up to 10 s.
    /// Meanwhile the other workers go on.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts.max(1);
        self
    }

    /// Sets a function that names jobs in dumps and reports, beside their numbers. It is called for
    /// each job as it begins. Without it, naming costs nothing.
    pub fn name_jobs(mut self, name: impl Fn(&J) -> String + Send + Sync + 'static) -> Self {
        self.settings.name_job = Some(Arc::new(name));
        self
    }
}

impl<J> fmt::Debug for PoolBuilder<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("name", &self.name)
            .field("workers", &self.settings.workers)
            .field("queue_capacity", &self.settings.queue_capacity)
            .finish_non_exhaustive()
    }
}
