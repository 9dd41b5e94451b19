//! What users hold of a pool.

use std::{fmt, future::Future, sync::Arc};

use tokio::time::{Instant, timeout_at};
use upbeat::{BoxError, Context};

use super::{
    AlreadyStarted, Closed, Counts, Drained, Emitter, JobStream, PoolBuilder, Results, ResultsUnordered, Ticket,
    TrySubmitError, Work, Worker,
    cell::Cell,
    settings::Settings,
    shared::{Refusal, Shared},
    size,
    worker::Crew,
};

/// Workers that each have a state of their own, and a bounded queue of jobs for them. A cheap clone.
///
/// A pool is made of two functions: one builds the state of a worker (a connection, a buffer, a parser), the other does a job with it. A job is a
/// value, its reply is another, and the [`Ticket`] that stands for the reply in between is a future.
///
/// ```
/// use upbeat::Context;
/// use upbeat_work::Pool;
///
/// # struct Resizer;
/// # impl Resizer {
/// #     async fn load() -> Result<Self, std::io::Error> { Ok(Self) }
/// #     async fn resize(&mut self, path: &str) -> usize { path.len() }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::new(
///     "resize",
///     async |_worker| Resizer::load().await,
///     async |resizer: &mut Resizer, path: &'static str| resizer.resize(path).await,
/// );
/// // Without a conductor. A part of a conductor is started and stopped by that.
/// pool.start(&Context::background())?;
///
/// let ticket = pool.submit("cat.png").await?;
/// assert_eq!(ticket.await?, 7);
///
/// // Many at once, with the replies in their order.
/// let mut sizes = pool.submit_all(["a.png", "bc.png"]);
/// while let Some(size) = sizes.next().await {
///     println!("{}", size?);
/// }
///
/// let end = pool.shutdown(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await;
/// assert_eq!((end.counts.finished, end.counts.lost), (3, 0));
/// # Ok(())
/// # }
/// ```
///
/// # As a player
///
/// A pool is a [`Player`](upbeat::Player), ready when each of its first workers has its state. What submits comes
/// [after](upbeat::Part::after) it, and so stops before it. When it is told to stop it accepts nothing more, finishes what it has accepted, and
/// at its deadline cuts the rest and names it: one [`cut`](Context::report_lost) each, so that the exit code says that something was lost. Jobs under
/// way appear in dumps; so does the queue. Submissions are accepted also before it starts, as far as there is room.
///
/// # Guarantees
///
/// - Every job that was accepted has exactly one outcome: its result, its panic, cancelled before it began, or lost when the pool ended.
///   [`counts`](Pool::counts) has the numbers.
/// - At most [`queue`](PoolBuilder::queue) jobs are accepted and have not begun. Whoever waits for room gets it in the order of coming, and the
///   moment a job begins or is cancelled there is room.
/// - Jobs begin in the order in which they were accepted, one at a time, where there is one worker. With several, they begin about in that order.
/// - A panic is an error of its job only. The state that was in use is dropped and built anew before the worker's next job, even
///   when the panic came from a drop.
/// - A job that waits does not hold up others while a worker is idle.
///
/// # Not guaranteed
///
/// - A job that blocks its thread holds up what its worker has taken together with it, unless another worker comes by; jobs of 20 µs or more are
///   not taken together. Blocking work belongs on [`spawn_blocking`](tokio::task::spawn_blocking), awaited by the job.
/// - A job that never yields cannot be cut at a deadline, only left behind. Its result is dropped when it comes.
/// - Jobs are not done again when they fail, and not stored.
///
/// # When a state cannot be built
///
/// Its worker tries again, with a backoff, while the others go on. After [`attempts`](PoolBuilder::attempts) in a row the pool fails: it accepts nothing more,
/// the workers that have a state finish what was accepted, and what is left without any worker is lost. As a player it then returns the error; its
/// part's restart policy says what follows, and a restarted pool accepts again.
///
/// # Compared with others
///
/// - [`tokio::spawn`] and [`tokio::task::JoinSet`] make a task of each job. They have no bound, no state that outlives a job, and no way to
///   take back what has not begun; a short job costs several times as much.
/// - Channels with a `oneshot` in each message are the same by hand. A panic takes the worker with it, and a stop loses what is in the channel.
/// - rayon's pool is for computing: it has no bound and no async jobs. Take it for loops over slices.
///
/// That workers hold a state which is thrown away when a job damages it is the idea of Erlang's supervised workers.
pub struct Pool<J, R> {
    handle: Arc<Handle<J, R>>,
}

struct Handle<J, R> {
    shared: Arc<Shared<J, R>>,
    crew: Crew<J, R>,
}

impl<J, R> Drop for Handle<J, R> {
    fn drop(&mut self) {
        // Nobody can submit any more: the workers finish what there is, and leave.
        self.shared.close();
    }
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// A pool with as many workers as there are processors, and 1,024 places in its queue. [`builder`](Pool::builder) has the other choices.
    ///
    /// `make` builds the state of a worker. `work` does a job with it.
    ///
    /// An async closure that captures cannot be called again and again by a pool (it lends what it captures to its future). What
    /// jobs need therefore comes from `make`, as a part of the state, and for `make` itself a plain closure clones what it captures:
    ///
    /// ```
    /// use std::sync::Arc;
    /// use upbeat_work::Pool;
    ///
    /// let url: Arc<str> = "db://orders".into();
    /// let make = move |_worker| {
    ///     let url = url.clone();
    ///     async move { Ok::<_, std::io::Error>(url) }
    /// };
    /// let pool = Pool::new("orders", make, async |url: &mut Arc<str>, order: u32| format!("{url}/{order}"));
    /// # drop(pool);
    /// ```
    pub fn new<S, E, M, MFut, W>(name: impl Into<Arc<str>>, make: M, work: W) -> Self
    where
        S: Send + 'static,
        E: Into<BoxError> + Send + 'static,
        M: Fn(Worker) -> MFut + Send + Sync + 'static,
        MFut: Future<Output = Result<S, E>> + Send + 'static,
        W: for<'a> Work<'a, S, J, Reply = R>,
    {
        PoolBuilder::new(name.into()).build(make, work)
    }

    pub(super) fn assemble(name: Arc<str>, settings: Settings<J>, crew: Crew<J, R>) -> Self {
        Self { handle: Arc::new(Handle { shared: Arc::new(Shared::new(name, settings)), crew }) }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<J, R>> {
        &self.handle.shared
    }

    /// Starts the workers, as tasks of the context's run. A conductor does this by itself.
    ///
    /// They stop with [`shutdown`](Pool::shutdown), or when the last clone of the pool is dropped; then they finish first what was accepted.
    ///
    /// # Errors
    ///
    /// When it has been started and not shut down.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    pub fn start(&self, cx: &Context) -> Result<(), AlreadyStarted> {
        size::start(self.shared(), &self.handle.crew, cx)
    }

    /// Waits for room in the queue, and submits a job.
    ///
    /// # Errors
    ///
    /// When the pool is closed, also when that happens during the wait. The job comes back.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the job was not accepted, and is dropped; or it was accepted, and is cancelled if it has not begun.
    pub async fn submit(&self, job: J) -> Result<Ticket<R>, Closed<J>> {
        let cell = Arc::new(Cell::new(job));
        let accepted = match self.shared().push(&cell, true) {
            Ok(()) => true,
            Err(Refusal::Full(Some(room))) => room.await.is_ok() && self.shared().push_placed(&cell),
            Err(_) => false,
        };
        if accepted { Ok(self.ticket(cell)) } else { Err(Closed(cell.take_back())) }
    }

    /// Submits a job if there is room for it now, and nobody waits for that.
    ///
    /// # Errors
    ///
    /// When there is no room, or the pool is closed. The job comes back.
    ///
    /// ```
    /// use upbeat_work::{Pool, pool::TrySubmitError};
    ///
    /// // Not started, so nothing begins.
    /// let pool = Pool::builder("echo").queue(1).build(async |_| Ok::<_, std::io::Error>(()), async |_: &mut (), n: u32| n);
    /// let first = pool.try_submit(1).expect("there is room for one");
    /// assert_eq!(pool.try_submit(2).unwrap_err(), TrySubmitError::Busy(2));
    /// drop(first);
    /// assert!(pool.try_submit(3).is_ok());
    /// ```
    pub fn try_submit(&self, job: J) -> Result<Ticket<R>, TrySubmitError<J>> {
        let cell = Arc::new(Cell::new(job));
        match self.shared().push(&cell, false) {
            Ok(()) => Ok(self.ticket(cell)),
            Err(Refusal::Closed) => Err(TrySubmitError::Closed(cell.take_back())),
            Err(Refusal::Full(_)) => Err(TrySubmitError::Busy(cell.take_back())),
        }
    }

    fn ticket(&self, cell: Arc<Cell<J, R>>) -> Ticket<R> {
        Ticket::new(cell, self.shared().clone())
    }

    /// Submits the jobs of an iterator as there is room for them, and yields the results in the order of the jobs.
    ///
    /// Jobs are taken from the iterator, submitted, and replied to in batches: for jobs of a microsecond or less this is several times as fast as
    /// one ticket for each. It submits while it is polled, and ahead of what is read: up to twice the queue's places are under way or not yet
    /// read.
    ///
    /// When the pool closes before the iterator ends, the last item is [`JobError::Refused`](super::JobError::Refused), and the rest is left in the
    /// iterator, but for a batch at most.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream cancels what has not begun.
    pub fn submit_all<I: IntoIterator<Item = J>>(&self, jobs: I) -> Results<I::IntoIter, R> {
        Results::new(self.shared().clone(), jobs.into_iter())
    }

    /// The same as [`submit_all`](Pool::submit_all), but yields the results as they come, each with the position of its job.
    pub fn submit_all_unordered<I: IntoIterator<Item = J>>(&self, jobs: I) -> ResultsUnordered<I::IntoIter, R> {
        ResultsUnordered::new(self.shared().clone(), jobs.into_iter())
    }

    /// Waits for room, and submits a job that sends several results: `job` is given the [`Emitter`] to put into it. The reader may be
    /// `ahead` results behind before the job has to wait for it.
    ///
    /// # Errors
    ///
    /// When the pool is closed. The job comes back.
    ///
    /// # Cancel safety
    ///
    /// That of [`submit`](Pool::submit).
    ///
    /// ```
    /// use upbeat::{BoxError, Context};
    /// use upbeat_work::{Pool, pool::Emitter};
    ///
    /// struct Search {
    ///     below: u32,
    ///     found: Emitter<u32>,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let pool = Pool::new("search", async |_| Ok::<_, BoxError>(()), async |_: &mut (), search: Search| {
    ///     for n in (0..search.below).filter(|n| n % 3 == 0) {
    ///         if search.found.send(n).await.is_err() {
    ///             break;
    ///         }
    ///     }
    /// });
    /// pool.start(&Context::background())?;
    /// let mut found = pool.submit_stream(16, |found| Search { below: 10, found }).await.map_err(|_| "closed")?;
    /// let mut all = Vec::new();
    /// while let Some(n) = found.next().await {
    ///     all.push(n?);
    /// }
    /// assert_eq!(all, [0, 3, 6, 9]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn submit_stream<T>(
        &self,
        ahead: usize,
        job: impl FnOnce(Emitter<T>) -> J,
    ) -> Result<JobStream<T, R>, Closed<J>> {
        let (emitter, results) = Emitter::new(ahead);
        let ticket = self.submit(job(emitter)).await?;
        Ok(JobStream::new(results, ticket))
    }

    /// How large the pool is, and what became of its jobs.
    pub fn counts(&self) -> Counts {
        self.shared().counts()
    }

    /// Accepts nothing more, waits until `deadline` for what was accepted, cuts the rest, and says what became of all. As a player it does
    /// this by itself.
    ///
    /// The pool can be [started](Pool::start) again.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the pool stays closed; its workers go on with what was accepted.
    pub async fn shutdown(&self, deadline: Instant) -> Drained {
        let shared = self.shared();
        shared.close();
        if timeout_at(deadline, shared.until(|queue| queue.workers.is_empty().then_some(()))).await.is_err() {
            shared.cut();
        }
        // Whoever else cuts, as the last worker does that leaves, may still be at it.
        shared.until(|queue| (queue.cuts == 0).then_some(())).await;
        shared.drained()
    }
}

// On this type, because the one of the replies is known only when the pool is built.
impl<J: Send + 'static> Pool<J, ()> {
    /// A pool in the making.
    pub fn builder(name: impl Into<Arc<str>>) -> PoolBuilder<J> {
        PoolBuilder::new(name.into())
    }
}

impl<J, R> Pool<J, R> {
    /// What the pool is called.
    pub fn name(&self) -> &str {
        &self.handle.shared.name
    }
}

impl<J, R> Shared<J, R> {
    fn counts(&self) -> Counts {
        let queue = self.queue.lock();
        let tally = queue.tallied();
        Counts {
            workers: queue.workers.len(),
            queued: queue.occupied(),
            accepted: queue.accepted,
            finished: tally.finished,
            panicked: tally.panicked,
            cancelled: queue.cancelled,
            lost: queue.lost.len() as u64,
        }
    }

    fn drained(&self) -> Drained {
        let counts = self.counts();
        let queue = self.queue.lock();
        Drained { counts, lost: queue.lost.clone(), failure: queue.failure.clone() }
    }
}

impl<J, R> Clone for Pool<J, R> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone() }
    }
}

impl<J, R> fmt::Debug for Pool<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.handle.shared.counts();
        f.debug_struct("Pool").field("name", &self.name()).field("counts", &counts).finish_non_exhaustive()
    }
}
