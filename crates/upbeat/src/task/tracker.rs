//! Background work that is finished before the process ends.

use std::{
    collections::BTreeMap, fmt, future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, task::Poll,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::{Instant, timeout_at},
};
use tracing::Instrument as _;
use upbeat_probe::Probe;

use crate::{
    context::Context, display::human, error::BoxError, panic::catch, player::Player, report::failure::Failure,
};

/// How many failures are kept: the first, and the last ones.
const FAILURES: usize = 16;

/// Background work that handlers give away, and that is finished before the process ends. A cheap clone.
///
/// A tracker is a player: what gives work to it comes [after](crate::Part::after) it, and so stops before it; what the work needs
/// comes before it. When it is told to stop it takes no more work, waits for what it has, and at its deadline cuts the rest and names it: one
/// [`cut`](Context::report_lost) each, so that the exit code says that something was lost.
///
/// ```
/// use axum::{Router, extract::State, routing::post};
/// use upbeat::{Conductor, Context, Part, task::{Tracker, TrackerClosed}};
///
/// async fn order(State(tracker): State<Tracker>) -> Result<&'static str, String> {
///     tracker.track("mail", async { /* send it */ }).map_err(|closed: TrackerClosed| closed.to_string())?;
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
/// Work is accepted or refused, visibly; what was accepted is finished, or reported as lost by its name. Errors and panics of the work
/// are kept, and fail the tracker when it stops.
///
/// # Not guaranteed
///
/// Work that was accepted is not started again when it fails, and is not stored: what must survive the process belongs into a queue outside of it.
///
/// Work given to a tracker that does not play yet is run, too. But if a stop comes before the tracker's start, there is nobody to wait for
/// it: whoever gives work away comes after the tracker.
///
/// # Compared with `tokio_util::task::TaskTracker`
///
/// That one counts tasks. It takes them also when it is closed, has no deadline, and knows neither names nor failures.
#[derive(Clone)]
pub struct Tracker {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Nothing is open any more.
    idle: Notify,
    /// How much may run at the same time.
    places: Option<Arc<Semaphore>>,
}

#[derive(Default)]
struct State {
    closed: bool,
    next: u64,
    /// In the order of acceptance.
    open: BTreeMap<u64, Open>,
    finished: u64,
    failures: Vec<Failure>,
    failed: u64,
}

struct Open {
    name: Arc<str>,
    since: Instant,
    task: Option<AbortHandle>,
    probe: Probe,
}

/// The tracker takes no more work: it was told to stop.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{name}` was not accepted: the tracker is closed")]
pub struct TrackerClosed {
    name: Arc<str>,
}

impl TrackerClosed {
    /// What was not accepted.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What became of accepted work, from [`Tracker::shutdown`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tracked {
    /// How much came to its end, failed work included.
    pub finished: u64,
    /// How much of that failed.
    pub failed: u64,
    /// The failures: the first, and the last fifteen.
    pub failures: Vec<Failure>,
    /// What was cut off: its name, and for how long it had been running or waiting.
    pub lost: Vec<(Arc<str>, Duration)>,
}

impl fmt::Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished", self.finished)?;
        if self.failed > 0 {
            write!(f, " ({} of them failed)", self.failed)?;
        }
        write!(f, ", {} lost", self.lost.len())
    }
}

/// Some of the tracked work failed.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} failed, the last: {last}")]
pub struct TrackedFailed {
    failed: u64,
    all: u64,
    last: Failure,
}

/// What tracked work may return: `()`, or a `Result` whose error is kept.
pub trait TrackedOutput: sealed::Sealed {
    /// The error, if there is one.
    #[doc(hidden)]
    fn into_error(self) -> Option<BoxError>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}

impl TrackedOutput for () {
    fn into_error(self) -> Option<BoxError> {
        None
    }
}

impl<E: Into<BoxError>> TrackedOutput for Result<(), E> {
    fn into_error(self) -> Option<BoxError> {
        self.err().map(Into::into)
    }
}

impl Tracker {
    /// A tracker that runs all it accepts at once.
    pub fn new() -> Self {
        Self::with_places(None)
    }

    /// A tracker that runs at most `most` at the same time, at least one. [`track`](Tracker::track) accepts beyond that, and what it
    /// accepts waits its turn; [`track_when_free`](Tracker::track_when_free) waits before it accepts.
    pub fn at_most(most: usize) -> Self {
        Self::with_places(Some(Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)))))
    }

    fn with_places(places: Option<Arc<Semaphore>>) -> Self {
        Self { inner: Arc::new(Inner { state: Mutex::default(), idle: Notify::new(), places }) }
    }

    /// Accepts work, which then runs on a task of its own, or refuses it.
    ///
    /// # Errors
    ///
    /// When the tracker is closed. The work is dropped without having been polled.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    pub fn track<F>(&self, name: impl Into<Arc<str>>, work: F) -> Result<(), TrackerClosed>
    where
        F: Future<Output: TrackedOutput> + Send + 'static,
    {
        self.accept(name.into(), None, work)
    }

    /// Waits until less than the most that may run at the same time does, and then accepts work or refuses it: back-pressure for
    /// whoever produces it. Without such a limit it is [`track`](Tracker::track).
    ///
    /// # Errors
    ///
    /// When the tracker is closed, also when that happens during the wait.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the work was not accepted, and is dropped without having been polled.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime.
    pub async fn track_when_free<F>(&self, name: impl Into<Arc<str>>, work: F) -> Result<(), TrackerClosed>
    where
        F: Future<Output: TrackedOutput> + Send + 'static,
    {
        let place = match &self.inner.places {
            // The semaphore is never closed: whoever waits gets a place as the work that has one ends.
            Some(places) => places.clone().acquire_owned().await.ok(),
            None => None,
        };
        self.accept(name.into(), place, work)
    }

    fn accept<F>(&self, name: Arc<str>, place: Option<OwnedSemaphorePermit>, work: F) -> Result<(), TrackerClosed>
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
        state.open.insert(key, Open { name: name.clone(), since: Instant::now(), task: None, probe });
        drop(state);

        let ticket = Ticket { inner: self.inner.clone(), key, name, ended: false };
        let places = self.inner.places.clone();
        let task = tokio::spawn(
            async move {
                let _place = match (place, places) {
                    (None, Some(places)) => places.acquire_owned().await.ok(),
                    (place, _) => place,
                };
                ticket.run(work).await;
            }
            .in_current_span(),
        );
        match self.inner.state.lock().open.get_mut(&key) {
            Some(open) => open.task = Some(task.abort_handle()),
            // It is done already, or was reported as lost before there was a task to abort; then it is aborted here.
            None => task.abort(),
        }
        Ok(())
    }

    /// How much is accepted and not finished.
    pub fn open(&self) -> usize {
        self.inner.state.lock().open.len()
    }

    /// Takes no more work, waits for what there is until `deadline`, aborts the rest, and says what became of all. As a player it does
    /// this by itself.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the tracker stays closed; what is open goes on.
    pub async fn shutdown(&self, deadline: Instant) -> Tracked {
        self.inner.state.lock().closed = true;
        let _ = timeout_at(deadline, self.inner.idle()).await;
        let mut state = self.inner.state.lock();
        let lost = std::mem::take(&mut state.open);
        let tracked = Tracked {
            finished: state.finished,
            failed: state.failed,
            failures: state.failures.clone(),
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

impl Inner {
    /// Completes when nothing is open.
    async fn idle(&self) {
        loop {
            // Made before the look, so that an end in between wakes it.
            let idle = self.idle.notified();
            if self.state.lock().open.is_empty() {
                return;
            }
            idle.await;
        }
    }

    fn end(&self, key: u64, failure: Option<Failure>) {
        let mut state = self.state.lock();
        // What was cut off has been reported as lost.
        if state.open.remove(&key).is_none() {
            return;
        }
        state.finished += 1;
        if let Some(failure) = failure {
            state.failed += 1;
            if state.failures.len() == FAILURES {
                state.failures.remove(1);
            }
            state.failures.push(failure);
        }
        if state.open.is_empty() {
            self.idle.notify_waiters();
        }
    }
}

/// One piece of accepted work: sees to it that its end is noticed, whatever ends it.
struct Ticket {
    inner: Arc<Inner>,
    key: u64,
    name: Arc<str>,
    ended: bool,
}

impl Ticket {
    async fn run<F: Future<Output: TrackedOutput>>(mut self, work: F) {
        let mut work = pin!(AssertUnwindSafe(work));
        let result = std::future::poll_fn(|cx| match catch(|| work.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(output.into_error().map(Arc::from)),
            Err(panic) => Poll::Ready(Some(Arc::new(panic) as _)),
        })
        .await;
        self.ended = true;
        let failure = result.map(|error| Failure { attempt: 0, task: Some(self.name.clone()), error });
        if let Some(failure) = &failure {
            tracing::error!("tracked work failed: {failure}");
        }
        self.inner.end(self.key, failure);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            // Aborted from outside: by `shutdown`, which has counted it, or by the end of the runtime.
            self.inner.end(self.key, None);
        }
    }
}

impl Player for Tracker {
    type Error = TrackedFailed;

    async fn play(&self, cx: Context) -> Result<(), TrackedFailed> {
        {
            let mut state = self.inner.state.lock();
            state.closed = false;
            (state.finished, state.failed) = (0, 0);
            state.failures.clear();
        }
        let tracked = Arc::downgrade(&self.inner);
        cx.register_work(move |list| {
            let Some(tracked) = tracked.upgrade() else { return };
            for open in tracked.state.lock().open.values() {
                list.add(open.since, || open.name.to_string(), Some(open.probe.clone()));
            }
        });
        cx.stopping().await;
        // A little before its own end, so that it can still say what was lost.
        let left = cx.remaining().unwrap_or_default();
        let tracked =
            self.shutdown(Instant::now() + left.saturating_sub((left / 10).min(Duration::from_millis(100)))).await;
        cx.note(&tracked);
        for (name, age) in &tracked.lost {
            cx.report_lost(format_args!("{name}, open for {}", human(*age)));
        }
        match tracked.failures.into_iter().next_back() {
            Some(last) => Err(TrackedFailed { failed: tracked.failed, all: tracked.finished, last }),
            None => Ok(()),
        }
    }

    fn instance(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.inner).addr())
    }
}
