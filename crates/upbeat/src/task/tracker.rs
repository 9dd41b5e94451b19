//! Background work that a stop waits for.

use std::{collections::BTreeMap, error::Error, fmt, future::Future, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::{Instant, timeout_at},
};
use tracing::Instrument as _;
use upbeat_probe::Probe;

use super::tracked::{Tracked, TrackedFailed, TrackedOutput, TrackerClosed};
use crate::{
    context::Context,
    display::human,
    panic::{CatchPanic, Panic},
    player::{Player, PlayerId},
    report::{failure::Failure, failure_log::FailureLog},
    targets,
};

/// Background work spawned by handlers, which the stop waits for. A cheap clone.
///
/// A tracker is a player. The parts that give work to it come [after](crate::Part::after) it, so
/// they stop first. The parts that the work needs come before it. A tracker that is asked to stop
/// accepts no more work, and waits for accepted work. At its deadline it aborts the rest and
/// [reports each as lost](Context::report_lost), which the exit code shows.
///
/// ```
/// use axum::{Router, extract::State, routing::post};
/// use upbeat::{Conductor, Context, Part, task::{Tracker, TrackerClosed}};
///
/// async fn order(State(tracker): State<Tracker>) -> Result<&'static str, String> {
///     let mail = async { /* send it */ };
///     tracker.track("mail", mail).map_err(|closed: TrackerClosed| closed.to_string())?;
///     Ok("ordered")
/// }
///
/// let tracker = Tracker::new();
/// let shop: Router = Router::new().route("/order", post(order)).with_state(tracker.clone());
/// # async fn db(cx: Context) -> Result<(), std::io::Error> { cx.stopping().await; Ok(()) }
/// # async fn web(cx: Context) -> Result<(), std::io::Error> { cx.stopping().await; Ok(()) }
/// let shop = Conductor::new("shop")
///     .player("db", db)
///     .part(Part::new("tracker", tracker).after("db"))
///     .part(Part::new("web", web).after("tracker"));
/// # drop(shop);
/// ```
///
/// # Guarantees
///
/// Work is accepted, or rejected with an error. Accepted work is finished, or reported as lost by
/// its name. Errors and panics of the work are kept, and fail the tracker when it stops.
///
/// # Not guaranteed
///
/// Failed work is not retried. Work is not stored: work that must survive the process belongs into
/// an external queue.
///
/// A tracker that does not play yet runs work too. But if a stop comes before the start of the
/// tracker, that work is not waited for. Parts that give work to it must come after the tracker.
///
/// # Compared with `tokio_util::task::TaskTracker`
///
/// That one counts tasks. It accepts tasks after it was closed, has no deadline, and records
/// neither names nor failures.
#[derive(Clone)]
pub struct Tracker {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Notified when no work is open.
    idle: Notify,
    /// The permits to run, if their number is limited.
    permits: Option<Arc<Semaphore>>,
}

#[derive(Default)]
struct State {
    closed: bool,
    next: u64,
    /// In the order of acceptance.
    open: BTreeMap<u64, TrackedWork>,
    finished: u64,
    failures: FailureLog,
}

struct TrackedWork {
    name: Arc<str>,
    since: Instant,
    task: Option<AbortHandle>,
    probe: Probe,
    /// Set while it waits for a permit.
    waits: bool,
}

impl Tracker {
    /// Returns a tracker that runs all accepted work at once.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a tracker with a limit.
    ///
    /// ```
    /// let tracker = upbeat::task::Tracker::builder().max_running(16).build();
    /// # drop(tracker);
    /// ```
    pub fn builder() -> TrackerBuilder {
        TrackerBuilder { max_running: None }
    }

    /// Accepts work, which runs as a task, or rejects it.
    ///
    /// # Errors
    ///
    /// If the tracker is closed. The work is dropped without having been polled.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
    pub fn track<F>(&self, name: impl Into<Arc<str>>, work: F) -> Result<(), TrackerClosed>
    where
        F: Future<Output: TrackedOutput> + Send + 'static,
    {
        self.accept(name.into(), None, work)
    }

    /// Waits for a permit to run work: back-pressure for a producer. Without a limit it returns at
    /// once.
    ///
    /// Of a closed tracker too, permits become free as work ends. The work is rejected then.
    ///
    /// Tracked work that waits here for a permit of the same tracker holds its own. Once all of it
    /// does, none ends before the stop, which reports it as lost. Such work uses
    /// [`track`](Tracker::track), which does not wait:
    ///
    /// ```
    /// use upbeat::task::{Tracker, TrackerClosed};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), TrackerClosed> {
    /// let tracker = Tracker::builder().max_running(1).build();
    /// let inner = tracker.clone();
    /// tracker.track("order", async move {
    ///     // Accepted at once. It runs when this work has ended.
    ///     let _ = inner.track("mail", async { /* send it */ });
    /// })?;
    /// # let lost = tracker.shutdown(tokio::time::Instant::now() + std::time::Duration::from_secs(5)).await.lost;
    /// # assert!(lost.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A [dump](crate::diagnostics::Overview::dump) marks the work that waits for a permit. The
    /// other work holds one, and is shown at its own `await`.
    ///
    /// A future that was polled once and is kept without being polled, as a branch of `select!` may
    /// be, holds the permit that it gets, so others wait for it. Poll it to its end or drop it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no permit is taken, and the position in the queue is lost.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), upbeat::task::TrackerClosed> {
    /// let tracker = upbeat::task::Tracker::builder().max_running(2).build();
    /// for i in 0..100 {
    ///     // There are never more than two in memory.
    ///     tracker.reserve().await.track(format!("mail {i}"), async { /* send it */ })?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reserve(&self) -> TrackerPermit<'_> {
        let permit = match &self.inner.permits {
            // The semaphore is never closed.
            Some(permits) => permits.clone().acquire_owned().await.ok(),
            None => None,
        };
        TrackerPermit { tracker: self, permit }
    }

    fn accept<F>(&self, name: Arc<str>, permit: Option<OwnedSemaphorePermit>, work: F) -> Result<(), TrackerClosed>
    where
        F: Future<Output: TrackedOutput> + Send + 'static,
    {
        let mut state = self.inner.state.lock();
        if state.closed {
            drop(state);
            return Err(TrackerClosed { name });
        }
        let key = state.next;
        state.next += 1;
        let (work, probe) = upbeat_probe::watch(work);
        let waits = permit.is_none() && self.inner.permits.is_some();
        state.open.insert(key, TrackedWork { name: name.clone(), since: Instant::now(), task: None, probe, waits });
        drop(state);

        let guard = WorkGuard { inner: self.inner.clone(), key, name, ended: false };
        let permits = self.inner.permits.clone();
        let task = tokio::spawn(
            async move {
                let _permit = match (permit, permits) {
                    (None, Some(permits)) => {
                        let permit = permits.acquire_owned().await.ok();
                        guard.inner.begin(key);
                        permit
                    }
                    (permit, _) => permit,
                };
                let output = CatchPanic::new(work).await;
                guard.end(output);
            }
            .in_current_span(),
        );
        match self.inner.state.lock().open.get_mut(&key) {
            Some(open) => open.task = Some(task.abort_handle()),
            // It has ended, or was reported as lost before there was a task to abort.
            None => task.abort(),
        }
        Ok(())
    }

    /// Returns how much work is accepted and not finished.
    pub fn open(&self) -> usize {
        self.inner.state.lock().open.len()
    }

    /// Closes the tracker, waits for accepted work until `deadline`, and aborts the rest.
    ///
    /// As a player it does this itself when it is asked to stop.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the tracker stays closed, and open work continues.
    pub async fn shutdown(&self, deadline: Instant) -> Tracked {
        self.inner.state.lock().closed = true;
        let _ = timeout_at(deadline, self.inner.idle()).await;
        let mut state = self.inner.state.lock();
        let lost = std::mem::take(&mut state.open);
        let tracked = Tracked {
            finished: state.finished,
            failed: state.failures.total(),
            failures: state.failures.as_slice().to_vec(),
            lost: lost.values().map(|open| (open.name.clone(), open.since.elapsed())).collect(),
        };
        drop(state);
        for open in lost.into_values() {
            if let Some(task) = open.task {
                task.abort();
            }
        }
        tracked
    }
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker").field("open", &self.open()).finish_non_exhaustive()
    }
}

/// The settings of a [`Tracker`], from [`Tracker::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is made until `build`"]
pub struct TrackerBuilder {
    max_running: Option<usize>,
}

impl TrackerBuilder {
    /// Sets how much work may run at the same time, at least one. Default: no limit.
    ///
    /// [`track`](Tracker::track) accepts more work, which waits for a permit.
    /// [`reserve`](Tracker::reserve) waits before work is accepted.
    pub fn max_running(mut self, max: usize) -> Self {
        self.max_running = Some(max.clamp(1, Semaphore::MAX_PERMITS));
        self
    }

    /// Returns the tracker.
    pub fn build(self) -> Tracker {
        let permits = self.max_running.map(|max| Arc::new(Semaphore::new(max)));
        Tracker { inner: Arc::new(Inner { state: Mutex::default(), idle: Notify::new(), permits }) }
    }
}

/// A permit to run one piece of work, from [`Tracker::reserve`]. If it is dropped, it is free
/// again.
#[derive(Debug)]
#[must_use = "the permit is free again when this is dropped"]
pub struct TrackerPermit<'a> {
    tracker: &'a Tracker,
    permit: Option<OwnedSemaphorePermit>,
}

impl TrackerPermit<'_> {
    /// Accepts work, which runs at once with this permit, or rejects it. See [`Tracker::track`].
    ///
    /// # Errors
    ///
    /// If the tracker is closed. The work is dropped without having been polled.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
    pub fn track<F>(self, name: impl Into<Arc<str>>, work: F) -> Result<(), TrackerClosed>
    where
        F: Future<Output: TrackedOutput> + Send + 'static,
    {
        self.tracker.accept(name.into(), self.permit, work)
    }
}

impl Inner {
    /// Waits until no work is open.
    async fn idle(&self) {
        loop {
            // Registered before the check, so that an end in between wakes it.
            let idle = self.idle.notified();
            if self.state.lock().open.is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Records that work has its permit.
    fn begin(&self, key: u64) {
        if let Some(open) = self.state.lock().open.get_mut(&key) {
            open.waits = false;
        }
    }

    fn end(&self, key: u64, failure: Option<Failure>) {
        let mut state = self.state.lock();
        // Aborted work has been reported as lost.
        let Some(work) = state.open.remove(&key) else { return };
        state.finished += 1;
        let omitted = failure.and_then(|failure| state.failures.add(failure));
        let idle = state.open.is_empty();
        drop(state);
        // Wakers and errors are foreign code, so without the lock.
        drop((work, omitted));
        if idle {
            self.idle.notify_waiters();
        }
    }
}

/// Records the end of one accepted piece of work, whatever ends it.
struct WorkGuard {
    inner: Arc<Inner>,
    key: u64,
    name: Arc<str>,
    ended: bool,
}

impl WorkGuard {
    fn end(mut self, output: Result<impl TrackedOutput, Panic>) {
        let error: Option<Arc<dyn Error + Send + Sync>> = match output {
            Ok(output) => output.into_error().map(Arc::from),
            Err(panic) => Some(Arc::new(panic)),
        };
        self.ended = true;
        let failure = error.map(|error| Failure { attempt: 0, task: Some(self.name.clone()), error });
        if let Some(failure) = &failure {
            let error = &*failure.error as &(dyn Error + 'static);
            tracing::error!(target: targets::TASK, work = &*self.name, error, "tracked work failed");
        }
        self.inner.end(self.key, failure);
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        if !self.ended {
            // Aborted by `shutdown`, which has counted it, or by the end of the runtime.
            self.inner.end(self.key, None);
        }
    }
}

impl Player for Tracker {
    type Error = TrackedFailed;

    async fn play(&self, cx: Context) -> Result<(), TrackedFailed> {
        let earlier = {
            let mut state = self.inner.state.lock();
            state.closed = false;
            state.finished = 0;
            std::mem::take(&mut state.failures)
        };
        drop(earlier);
        let tracked = Arc::downgrade(&self.inner);
        cx.register_work(move |list| {
            let Some(tracked) = tracked.upgrade() else { return };
            for open in tracked.state.lock().open.values() {
                let name = || format!("{}{}", open.name, if open.waits { " (waits for a permit)" } else { "" });
                // The future of work that waits is not polled yet.
                let probe = if open.waits { None } else { Some(open.probe.clone()) };
                list.add(open.since, name, probe);
            }
        });
        cx.stopping().await;
        // Before its own deadline, so that it can still report lost work.
        let tracked = self.shutdown(cx.drain_deadline().unwrap_or_else(Instant::now)).await;
        cx.note(&tracked);
        for (name, age) in &tracked.lost {
            cx.report_lost(format_args!("{name}, open for {}", human(*age)));
        }
        match tracked.failures.into_iter().next_back() {
            Some(last) => Err(TrackedFailed { failed: tracked.failed, all: tracked.finished, last }),
            None => Ok(()),
        }
    }

    fn identity(&self) -> Option<PlayerId> {
        Some(PlayerId::of(&self.inner))
    }
}
