//! The handle to a pool.

use std::{fmt, future::Future, sync::Arc};

use tokio::time::{Instant, timeout_at};
use upbeat::{BoxError, Context};

use super::{
    builder::PoolBuilder,
    error::{PoolClosed, TrySubmitError},
    results::{Results, ResultsUnordered},
    stream::{Emitter, JobStream},
    ticket::Ticket,
};
use crate::pool::{
    queue::{
        pending::PendingJob,
        report::{Drained, PoolCounts},
    },
    worker::{
        Worker,
        call::Work,
        run,
        scale::{self, AlreadyStarted, WorkerFactory},
        shared::{PoolShared, Refusal, RunNumber},
    },
};

/// Workers that each have their own state, and a bounded queue of jobs. Clones are cheap.
///
/// A pool is made of two functions. One builds the state of a worker, such as a connection, a
/// buffer or a parser. The other runs a job with it. A job is a value, its reply is another, and
/// the [`Ticket`] in between is a future of the reply.
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
/// // Without a conductor. A conductor starts and stops the pools that are its parts.
/// pool.start(&Context::background())?;
///
/// let ticket = pool.submit("cat.png").await?;
/// assert_eq!(ticket.await?, 7);
///
/// // Many at once, with the replies in the order of the jobs.
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
/// A pool is a [`Player`](upbeat::Player). It is ready once each of its first workers has its
/// state. Parts that submit jobs come [after](upbeat::Part::after) it, and so stop before it.
///
/// On a stop it accepts no more jobs and finishes the accepted ones. Jobs that miss its deadline
/// are [reported as lost](Context::report_lost), one by one, which shows in the exit code. Dumps
/// list the running jobs and the length of the queue. Jobs are also accepted before the start, up
/// to the capacity of the queue.
///
/// # Guarantees
///
/// - Each accepted job has exactly one outcome: its result, its panic, cancelled before it began,
///   or lost when the pool ended. [`counts`](Pool::counts) returns the numbers.
/// - At most [`queue_capacity`](PoolBuilder::queue_capacity) jobs are accepted and have not begun.
///   Submissions that wait are served in the order of their first poll. The permit of a job is free
///   the moment the job begins or is cancelled.
/// - With one worker, jobs begin in the order of acceptance, one at a time. With several workers,
///   they begin approximately in that order.
/// - A panic is an error of its job only. The state that was in use is dropped, and built again
///   before the worker's next job. This includes panics of drops.
/// - A job that waits delays no other job while a worker is idle.
///
/// # Not guaranteed
///
/// - A job that blocks its thread delays the jobs that its worker has taken with it, unless another
///   worker takes them over. Jobs of 20 µs or more are taken one at a time. Blocking work belongs
///   on [`spawn_blocking`](tokio::task::spawn_blocking), awaited by the job.
/// - A job that never yields cannot be aborted at a deadline. It is left behind, and its result is
///   dropped.
/// - Jobs are neither retried nor stored.
///
/// # If a state cannot be built
///
/// The worker tries again, with a backoff, while the others go on. After
/// [`max_attempts`](PoolBuilder::max_attempts) in a row the pool fails. It accepts no more jobs,
/// and the workers that have a state finish the accepted ones. If no worker is left, the remaining
/// jobs are lost. As a player, the pool then returns the error, and the restart policy of its part
/// applies. A restarted pool accepts jobs again.
///
/// # Compared with others
///
/// - [`tokio::spawn`] and [`tokio::task::JoinSet`] make a task of each job. They have no bound, no
///   state that outlives a job, and no way to cancel only jobs that have not begun. A short job
///   costs several times as much.
/// - Channels with a `oneshot` in each message need the same code by hand. A panic ends the worker,
///   and a stop loses the messages in the channel.
/// - rayon's pool is for computing. It has no bound and no async jobs. It is the better choice for
///   loops over slices.
///
/// Worker states that are discarded when a job damages them come from Erlang's supervised workers.
pub struct Pool<J, R> {
    handle: Arc<PoolHandle<J, R>>,
}

struct PoolHandle<J, R> {
    shared: Arc<PoolShared<J, R>>,
    factory: WorkerFactory<J, R>,
}

impl<J, R> Drop for PoolHandle<J, R> {
    fn drop(&mut self) {
        // No handle is left to submit with: the workers finish the accepted jobs and leave.
        self.shared.close();
    }
}

impl<J: Send + 'static> PoolBuilder<J> {
    /// Builds the pool from the two functions that [`Pool::new`] takes.
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
        let factory: WorkerFactory<J, R> = Arc::new(move |cx: &Context, shared, local| {
            let name = format!("worker {}", local.number);
            cx.spawn(name, run::run(shared, local, cx.clone(), make.clone(), work.clone())).abort_handle()
        });
        let shared = Arc::new(PoolShared::new(self.name, self.settings));
        Pool { handle: Arc::new(PoolHandle { shared, factory }) }
    }
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Creates a pool with one worker for each processor and a queue of 1,024 jobs.
    /// [`builder`](Pool::builder) has more settings.
    ///
    /// `make` builds the state of a worker. `work` runs a job with it.
    ///
    /// `work` cannot be an async closure that captures values, because its future would borrow them
    /// and a pool calls it repeatedly. Values that jobs need therefore belong into the state that
    /// `make` builds. `make` itself can be a plain closure that clones its captures:
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

    pub(super) fn shared(&self) -> &Arc<PoolShared<J, R>> {
        &self.handle.shared
    }

    /// Starts the workers, as tasks of the context's run. A conductor calls this itself.
    ///
    /// The workers stop with [`shutdown`](Pool::shutdown), or when the last clone of the pool is
    /// dropped. Both let them finish the accepted jobs.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool was started and has not been shut down.
    ///
    /// # Panics
    ///
    /// Panics if it is called outside of a tokio runtime.
    pub fn start(&self, cx: &Context) -> Result<(), AlreadyStarted> {
        scale::start(self.shared(), &self.handle.factory, cx)
    }

    /// Waits until the queue has capacity, and submits a job.
    ///
    /// # A job that submits to its own pool
    ///
    /// A job that waits for another job of the same pool, for its ticket or for the capacity of the
    /// queue, keeps its worker. Once all workers wait so, no job ends before the deadline of a
    /// stop, at which all are aborted and reported as lost. The
    /// [dump](upbeat::diagnostics::Overview::dump) then lists each job with its worker, the workers
    /// suspended at this call or at a ticket, and the number of queued jobs. Give the inner jobs to
    /// a pool of their own, or return what is left to do as the reply and submit it outside:
    ///
    /// ```
    /// use upbeat::{BoxError, Context};
    /// use upbeat_work::Pool;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let pool = Pool::builder("halve").workers(1).build(
    ///     async |_| Ok::<_, BoxError>(()),
    ///     // The reply of a job is the list of further jobs.
    ///     async |_: &mut (), n: u32| if n > 1 { vec![n / 2, n - n / 2] } else { Vec::new() },
    /// );
    /// pool.start(&Context::background())?;
    /// let mut open = vec![8];
    /// let mut jobs = 0;
    /// while let Some(n) = open.pop() {
    ///     open.extend(pool.submit(n).await?.await?);
    ///     jobs += 1;
    /// }
    /// assert_eq!(jobs, 15);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A future of this call that was polled once and is kept without being polled, as a branch of
    /// `select!` may be, holds the capacity that it gets. Poll it to its end or drop it.
    ///
    /// # Errors
    ///
    /// Returns the job if the pool is closed, or closes during the wait.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before the job was accepted, the job is dropped. If it was accepted
    /// and has not begun, it is cancelled.
    pub async fn submit(&self, job: J) -> Result<Ticket<R>, PoolClosed<J>> {
        let job = Arc::new(PendingJob::new(job));
        let run = match self.shared().push(&job, true) {
            Ok(run) => Some(run),
            Err(Refusal::Full(Some(wait))) => {
                wait.acquire().await.and_then(|permit| self.shared().push_with(&job, permit))
            }
            Err(_) => None,
        };
        match run {
            Some(run) => Ok(self.ticket(job, run)),
            None => Err(PoolClosed(job.take_back())),
        }
    }

    /// Submits a job without waiting.
    ///
    /// # Errors
    ///
    /// Returns the job if the pool is closed, if the queue is full, or if other submissions wait
    /// for capacity.
    ///
    /// ```
    /// use upbeat_work::{Pool, pool::TrySubmitError};
    ///
    /// // The pool is not started, so no job begins.
    /// let builder = Pool::builder("echo").queue_capacity(1);
    /// let pool = builder.build(async |_| Ok::<_, std::io::Error>(()), async |_: &mut (), n: u32| n);
    /// let first = pool.try_submit(1).expect("the queue is empty");
    /// assert_eq!(pool.try_submit(2).unwrap_err(), TrySubmitError::Busy(2));
    /// drop(first);
    /// assert!(pool.try_submit(3).is_ok());
    /// ```
    pub fn try_submit(&self, job: J) -> Result<Ticket<R>, TrySubmitError<J>> {
        let job = Arc::new(PendingJob::new(job));
        match self.shared().push(&job, false) {
            Ok(run) => Ok(self.ticket(job, run)),
            Err(Refusal::Closed) => Err(TrySubmitError::Closed(job.take_back())),
            Err(Refusal::Full(_)) => Err(TrySubmitError::Busy(job.take_back())),
        }
    }

    fn ticket(&self, job: Arc<PendingJob<J, R>>, run: RunNumber) -> Ticket<R> {
        Ticket::new(job, self.shared().clone(), run)
    }

    /// Submits the jobs of an iterator as the queue has capacity. Returns a stream of the results,
    /// in the order of the jobs.
    ///
    /// Jobs are taken from the iterator, submitted, and replied to in batches. For jobs of a
    /// microsecond or less this is several times as fast as a ticket for each. Jobs are submitted
    /// while the stream is polled, ahead of the results: up to twice the capacity of the queue are
    /// in flight or not yet read.
    ///
    /// If the pool closes before the iterator ends, the last item is
    /// [`JobError::Refused`](super::super::JobError::Refused). At most one batch of jobs is dropped
    /// then, and the others remain in the iterator.
    ///
    /// # Cancel safety
    ///
    /// If the stream is dropped, jobs that have not begun are cancelled.
    pub fn submit_all<I: IntoIterator<Item = J>>(&self, jobs: I) -> Results<I::IntoIter, R> {
        Results::new(self.shared().clone(), jobs.into_iter())
    }

    /// Submits as [`submit_all`](Pool::submit_all) does. Returns a stream of the results as jobs
    /// finish, each with the position of its job.
    pub fn submit_all_unordered<I: IntoIterator<Item = J>>(&self, jobs: I) -> ResultsUnordered<I::IntoIter, R> {
        ResultsUnordered::new(self.shared().clone(), jobs.into_iter())
    }

    /// Waits until the queue has capacity, and submits a job that sends several results.
    ///
    /// `job` makes the job from the [`Emitter`] to send with. The stream buffers `buffer` results,
    /// at least one, before the job has to wait for its reader.
    ///
    /// # Errors
    ///
    /// Returns the job if the pool is closed.
    ///
    /// # Cancel safety
    ///
    /// As [`submit`](Pool::submit).
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
        buffer: usize,
        job: impl FnOnce(Emitter<T>) -> J,
    ) -> Result<JobStream<T, R>, PoolClosed<J>> {
        let (emitter, results) = Emitter::new(buffer);
        let ticket = self.submit(job(emitter)).await?;
        Ok(JobStream::new(results, ticket))
    }

    /// Returns the size of the pool and the outcomes of its jobs.
    pub fn counts(&self) -> PoolCounts {
        self.shared().counts()
    }

    /// Accepts no more jobs, and waits until `deadline` for the accepted ones. Jobs that are not
    /// finished then are lost. Returns the outcomes. A conductor calls this itself.
    ///
    /// The pool can be [started](Pool::start) again afterwards.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the pool stays closed, and its workers go on with the accepted
    /// jobs.
    pub async fn shutdown(&self, deadline: Instant) -> Drained {
        let shared = self.shared();
        shared.close();
        if timeout_at(deadline, shared.until_left()).await.is_err() {
            shared.abort();
        }
        shared.drained().await
    }
}

// On this type, because the type of the replies is known only when the pool is built.
impl<J: Send + 'static> Pool<J, ()> {
    /// Returns a builder of a pool with this name.
    pub fn builder(name: impl Into<Arc<str>>) -> PoolBuilder<J> {
        PoolBuilder::new(name.into())
    }
}

impl<J, R> Pool<J, R> {
    /// Returns the name of the pool.
    pub fn name(&self) -> &str {
        &self.handle.shared.name
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
