//! The monitor's public face.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tracing::Instrument as _;
use upbeat_probe::watch;

use super::{
    Alert, CallCounts, CallError, MonitorSnapshot, alert,
    call::{self, Active, Blocking},
    state::{Inner, Settings, Work},
};
use crate::snapshot::work::WorkList;

/// Calls something that may hang, so that its hanging stays where it is. A cheap clone.
///
/// A call has a time-out, and at most so many calls are active at the same time; one more is refused at once. A call that timed out goes on, and
/// keeps its place: what hangs does so with a bounded number of calls, and everybody else is told at once instead of
/// waiting. When all places are taken by such calls for a while, an alert says where each of them is waiting.
///
/// ```
/// use std::time::Duration;
/// use upbeat::monitor::{CallError, Monitor};
///
/// async fn charge(cents: u32) -> Result<u32, std::io::Error> {
///     Ok(cents)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let payments = Monitor::new("payments")
///     .timeout(Duration::from_secs(2))
///     .at_most(8)
///     .alert_after(Duration::from_secs(30))
///     .on_alert(|alert| println!("call somebody: {alert}"));
///
/// match payments.call("charge", charge(995)).await {
///     Ok(charged) => println!("charged {}", charged?),
///     Err(CallError::Busy { .. } | CallError::TimedOut { .. }) => println!("payments do not work at the moment"),
///     Err(error) => return Err(error.into()),
/// }
/// # assert_eq!(payments.counts().done, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
///
/// - Never more than [`at_most`](Monitor::at_most) calls are active. A place is free when its future has been dropped, or its function has returned.
/// - The caller has an answer when the time-out is over, whatever the call does, also when it never yields: the call runs on a task of its own.
/// - The result of a call that timed out is dropped when it comes, before its place is free. Every call is [counted](CallCounts) once.
/// - A panic is an error of this call only; also one in the drop of the future, or of a late result.
/// - When all calls have been past their time-out for [`alert_after`](Monitor::alert_after), one alert is raised; then not again before one
///   of them has ended, which is told as well.
///
/// # Not guaranteed
///
/// - The alert and the time-outs are tasks of the runtime: when every worker is blocked, they come late or not at all. What must
///   work then needs a thread of its own.
/// - A function on a blocking thread cannot be stopped. One that never returns keeps its place, and keeps the runtime from ending.
/// - After all places were taken, a sleeping task of the monitor may stay for up to the time-out and `alert_after`.
///
/// # Where it comes from
///
/// From Go, where a slow call is started on a goroutine of its own, and its caller selects between the result and a timer.
#[derive(Clone)]
pub struct Monitor {
    inner: Arc<Inner>,
}

impl Monitor {
    /// A monitor with a time-out of 10 seconds, 16 places, and an alert when all have been stuck for 10 seconds more.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            inner: Arc::new(Inner::new(Settings {
                name: name.into(),
                timeout: Duration::from_secs(10),
                most: 16,
                alert_after: Duration::from_secs(10),
                cancel: false,
                on_alert: None,
            })),
        }
    }

    /// A setting makes a new monitor, without calls: clones that were made before keep what they have.
    fn set(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.inner.settings.clone();
        change(&mut settings);
        Self { inner: Arc::new(Inner::new(settings)) }
    }

    /// How long a caller waits. Like every setting it belongs before the first call: it makes a new monitor that has no calls yet.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout = timeout)
    }

    /// How many calls may be active, at least one.
    pub fn at_most(self, most: usize) -> Self {
        self.set(|settings| settings.most = most.max(1))
    }

    /// How long all places must have been taken by calls past their time-out before that is an alert.
    pub fn alert_after(self, time: Duration) -> Self {
        self.set(|settings| settings.alert_after = time)
    }

    /// What to do at an alert, besides the `tracing` event of level error that there is anyway.
    ///
    /// It is called on a task of the runtime, so it must not block. Should it panic, that is logged.
    pub fn on_alert(self, on_alert: impl Fn(&Alert) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_alert = Some(Arc::new(on_alert)))
    }

    /// Futures that time out, or whose caller goes away, are aborted instead of going on.
    ///
    /// Their place is free when they are really dropped, at the next `await`; for one that never yields that is never.
    /// A function that has its blocking thread already goes on in any case. Choose it for futures that may be dropped anywhere; without it a call that
    /// was begun is completed, like a handler's writes to two databases.
    pub fn cancel_on_timeout(self) -> Self {
        self.set(|settings| settings.cancel = true)
    }

    /// Runs a future on a task of its own, and waits for its result.
    ///
    /// # Errors
    ///
    /// [`Busy`](CallError::Busy) at once when all places are taken, [`TimedOut`](CallError::TimedOut), [`Panicked`](CallError::Panicked), or
    /// [`Lost`](CallError::Lost). An error that the future returns is its result.
    ///
    /// # Cancel safety
    ///
    /// When this is dropped before its first poll, nothing happens. Later the future goes on like one that timed out, and its result is discarded;
    /// with [`cancel_on_timeout`](Monitor::cancel_on_timeout) it is aborted.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with timers.
    pub async fn call<F>(&self, name: impl Into<Arc<str>>, future: F) -> Result<F::Output, CallError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (future, probe) = watch(future);
        let (place, waiting) = call::enter(&self.inner, &name.into(), Work::Future(probe))?;
        let task = tokio::spawn(Active::new(future, place).in_current_span());
        waiting.wait_for(task.abort_handle()).await
    }

    /// Runs a function on one of the runtime's blocking threads, and waits for its result.
    ///
    /// The time-out also counts while the function waits for a thread.
    ///
    /// # Errors
    ///
    /// As [`call`](Monitor::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Monitor::call), but a function that runs goes on in any case.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with timers.
    ///
    /// ```
    /// use upbeat::monitor::Monitor;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), upbeat::monitor::CallError> {
    /// let disk = Monitor::new("disk").at_most(4);
    /// let size = disk.call_blocking("size", || std::fs::metadata("/").map(|file| file.len())).await?;
    /// assert!(size.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call_blocking<T, F>(&self, name: impl Into<Arc<str>>, work: F) -> Result<T, CallError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (place, waiting) = call::enter(&self.inner, &name.into(), Work::Blocking(None))?;
        let (work, span) = (Blocking { work, place }, tracing::Span::current());
        let task = tokio::task::spawn_blocking(move || span.in_scope(|| work.run()));
        waiting.wait_for(task.abort_handle()).await
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.settings.name
    }

    /// How many calls are active, those included that timed out and have not ended.
    pub fn active(&self) -> usize {
        self.inner.active()
    }

    /// What became of the calls.
    pub fn counts(&self) -> CallCounts {
        self.inner.counts()
    }

    /// Looks at the active calls, and asks where they wait: what an [`Alert`] says, at any time.
    ///
    /// It takes as long as the calls need to be polled once, at most 250 ms, and the lookup of the names.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with timers.
    pub async fn snapshot(&self) -> MonitorSnapshot {
        MonitorSnapshot {
            name: self.inner.settings.name.clone(),
            at_most: self.inner.settings.most,
            alerted: self.inner.is_alerted(),
            counts: self.inner.counts(),
            calls: alert::look(&self.inner).await,
        }
    }

    /// Lists the active calls, for the reports about the player that makes them:
    ///
    /// ```
    /// # async fn player(cx: upbeat::Context, payments: upbeat::monitor::Monitor) {
    /// let calls = payments.clone();
    /// cx.register_work(move |work| calls.list(work));
    /// # }
    /// ```
    pub fn list(&self, work: &mut WorkList) {
        for (open, _) in self.inner.open() {
            let probe = match &open.work {
                Work::Future(probe) => Some(probe.clone()),
                Work::Blocking(_) => None,
            };
            work.add(open.since, || format!("{} {}", self.name(), open.name), probe);
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("name", &self.name()).field("active", &self.active()).finish_non_exhaustive()
    }
}
