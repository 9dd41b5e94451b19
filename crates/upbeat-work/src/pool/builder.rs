//! How a pool is made.

use std::{fmt, future::Future, ops::RangeInclusive, sync::Arc, time::Duration};

use upbeat::{BoxError, Context};

use super::{
    Pool, Worker,
    call::Work,
    settings::Settings,
    worker::{self, Crew},
};

/// A pool in the making, from [`Pool::builder`].
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
///     .queue(100)
///     .idle_after(Duration::from_secs(30))
///     .build(async |_| connect().await, async |connection: &mut Connection, row: String| connection.store(&row).await);
/// # drop(pool);
/// ```
#[must_use = "nothing is made until `build`"]
pub struct PoolBuilder<J> {
    name: Arc<str>,
    settings: Settings<J>,
}

impl<J: Send + 'static> PoolBuilder<J> {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, settings: Settings::default() }
    }

    /// Has this many workers, at least one. Without it, as many as there are processors.
    pub fn workers(mut self, workers: usize) -> Self {
        let workers = workers.max(1);
        self.settings.workers = workers..=workers;
        self
    }

    /// Begins with the lower number of workers, at least one, and has at most the upper.
    ///
    /// One is added whenever jobs have been waiting with no worker idle for [`grow_after`](PoolBuilder::grow_after), and then again after each
    /// further such time. One that has been idle for [`idle_after`](PoolBuilder::idle_after) leaves. Work goes to the worker that went idle
    /// last, so that those that are not needed get that time full.
    pub fn elastic(mut self, workers: RangeInclusive<usize>) -> Self {
        let least = (*workers.start()).max(1);
        self.settings.workers = least..=(*workers.end()).max(least);
        self
    }

    /// How many jobs may be accepted and not begun, at least one. 1,024 unless it is set.
    pub fn queue(mut self, places: usize) -> Self {
        self.settings.queue = places.clamp(1, usize::MAX / 4);
        self
    }

    /// How long jobs wait before an [elastic](PoolBuilder::elastic) pool gets another worker. 10 ms unless it is set.
    pub fn grow_after(mut self, wait: Duration) -> Self {
        self.settings.grow_after = wait;
        self
    }

    /// How long a worker of an [elastic](PoolBuilder::elastic) pool is idle before it leaves. 10 s unless it is set.
    pub fn idle_after(mut self, idle: Duration) -> Self {
        self.settings.idle_after = idle;
        self
    }

    /// How often a worker tries to build its state, in a row, before the pool fails: at least once, 5 times unless it is set. Between two attempts
    /// it waits, 100 ms at first, then twice as long each time, at most 10 s. Meanwhile the other workers go on.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.settings.attempts = attempts.max(1);
        self
    }

    /// How a job is called in dumps and reports, beside its number. Asked for each job as it begins; without it that costs nothing.
    pub fn name_jobs(mut self, name: impl Fn(&J) -> String + Send + Sync + 'static) -> Self {
        self.settings.describe = Some(Arc::new(name));
        self
    }

    /// The pool, from the two functions that [`Pool::new`] takes.
    pub fn build<S, R, E, M, MFut, W>(self, make: M, work: W) -> Pool<J, R>
    where
        S: Send + 'static,
        R: Send + 'static,
        E: Into<BoxError> + Send + 'static,
        M: Fn(Worker) -> MFut + Send + Sync + 'static,
        MFut: Future<Output = Result<S, E>> + Send + 'static,
        W: for<'a> Work<'a, S, J, Reply = R>,
    {
        let (make, work) = (Arc::new(make), Arc::new(work));
        let crew: Crew<J, R> = Arc::new(move |cx: &Context, shared, hand| {
            let name = format!("worker {}", hand.number);
            cx.spawn(name, worker::run(shared, hand, cx.clone(), make.clone(), work.clone())).abort_handle()
        });
        Pool::assemble(self.name, self.settings, crew)
    }
}

impl<J> fmt::Debug for PoolBuilder<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("name", &self.name)
            .field("workers", &self.settings.workers)
            .field("queue", &self.settings.queue)
            .finish_non_exhaustive()
    }
}
