//! The monitor itself.

use std::{fmt, future::Future, sync::Arc};

use tracing::Instrument as _;
use upbeat_probe::watch;

use super::{
    CallCounts, CallError, MonitorSnapshot,
    call::{self, ActiveFuture, BlockingCall},
    calls::{CallWork, Calls},
    locate::active_calls,
};
use crate::snapshot::work::WorkList;

/// Calls of a dependency that may hang, with a timeout and a bound. A cheap clone.
///
/// Each call has a timeout, and the number of active calls is bounded. A call beyond the bound is
/// rejected at once. A call that timed out continues and stays active. A dependency that hangs
/// therefore holds a bounded number of calls, and further callers get an error instead of a wait.
/// If all active calls are stuck for some time, an alert reports the location of each.
///
/// ```
/// use std::time::Duration;
/// use upbeat::monitor::Monitor;
///
/// async fn charge(cents: u32) -> Result<u32, std::io::Error> {
///     Ok(cents)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let payments = Monitor::builder("payments")
///     .timeout(Duration::from_secs(2))
///     .max_calls(8)
///     .alert_after(Duration::from_secs(30))
///     .on_alert(|alert| println!("page the engineer on call: {alert}"))
///     .build();
///
/// match payments.call("charge", charge(995)).await {
///     Ok(charged) => println!("charged {}", charged?),
///     Err(error) if error.is_busy() || error.is_timeout() => println!("payments are unavailable"),
///     Err(error) => return Err(error.into()),
/// }
/// # assert_eq!(payments.counts().done, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Guarantees
///
/// - Never more than [`max_calls`](super::MonitorBuilder::max_calls) calls are active. A call is
///   active until its future has been dropped or its function has returned.
/// - The caller gets an answer when the timeout expires, even if the call never yields: the call
///   runs as a task.
/// - The result of a call that timed out is dropped when it comes, before the call ends. Every call
///   is [counted](CallCounts) once.
/// - A panic is an error of this call only. This includes a panic in the drop of the future or of a
///   late result.
/// - If all calls have been past their timeout for
///   [`alert_after`](super::MonitorBuilder::alert_after), one alert is raised. The next alert can
///   be raised after one of them has ended, which is logged too.
///
/// # Not guaranteed
///
/// - The alert and the timeouts need a worker of the runtime. If every worker is blocked, they come
///   late or not at all. A check that must work then needs its own thread.
/// - After a standstill of the whole process (SIGSTOP, a suspended machine) calls time out, because
///   time went on for their callers. But an alert comes only when the calls are still stuck after
///   another [`alert_after`](super::MonitorBuilder::alert_after).
/// - A function on a blocking thread cannot be aborted. One that never returns stays active, keeps
///   its thread, and keeps the runtime from ending. The runtime has 512 such threads, unless [set
///   otherwise](tokio::runtime::Builder::max_blocking_threads), and files and look-ups of names
///   need them too. Keep the sum of [`max_calls`](super::MonitorBuilder::max_calls) well below.
/// - After the maximum of calls was active, a sleeping task of the monitor may remain for up to the
///   timeout and `alert_after`.
///
/// # Origin
///
/// In Go, a slow call runs in its own goroutine, and its caller selects between the result and a
/// timer.
#[derive(Clone)]
pub struct Monitor {
    pub(super) calls: Arc<Calls>,
}

impl Monitor {
    /// Runs a future as a task, and waits for its result.
    ///
    /// # Errors
    ///
    /// [`Busy`](CallError::Busy) at once if the maximum of calls is active,
    /// [`TimedOut`](CallError::TimedOut), [`Panicked`](CallError::Panicked), or
    /// [`Lost`](CallError::Lost). An error that the future returns is its result.
    ///
    /// # Cancel safety
    ///
    /// If this is dropped before its first poll, nothing happens. If it is dropped later, the
    /// future continues like one that timed out, and its result is discarded. With
    /// [`cancel_on_timeout`](super::MonitorBuilder::cancel_on_timeout) it is aborted.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with timers.
    pub async fn call<F>(&self, name: impl Into<Arc<str>>, future: F) -> Result<F::Output, CallError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (future, probe) = watch(future);
        let (slot, caller) = call::enter(&self.calls, &name.into(), CallWork::Future(probe))?;
        let task = tokio::spawn(ActiveFuture::new(future, slot).in_current_span());
        caller.wait_for(task.abort_handle()).await
    }

    /// Runs a function on a blocking thread of the runtime, and waits for its result.
    ///
    /// The timeout includes the time in which the function waits for a thread. In a test, a
    /// [paused](https://docs.rs/tokio/latest/tokio/time/fn.pause.html) clock stands still until the
    /// function returns.
    ///
    /// # Errors
    ///
    /// See [`call`](Monitor::call).
    ///
    /// # Cancel safety
    ///
    /// See [`call`](Monitor::call). A function that runs continues in either case.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with timers.
    ///
    /// ```
    /// use upbeat::monitor::{CallError, Monitor};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), CallError> {
    /// let disk = Monitor::builder("disk").max_calls(4).build();
    /// let size = || std::fs::metadata("/").map(|file| file.len());
    /// assert!(disk.call_blocking("size", size).await?.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn call_blocking<T, F>(&self, name: impl Into<Arc<str>>, work: F) -> Result<T, CallError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (slot, caller) = call::enter(&self.calls, &name.into(), CallWork::Blocking(None))?;
        let (work, span) = (BlockingCall { work, slot }, tracing::Span::current());
        let task = tokio::task::spawn_blocking(move || span.in_scope(|| work.run()));
        caller.wait_for(task.abort_handle()).await
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.calls.settings.name
    }

    /// Returns how many calls are active, including those that timed out and have not ended.
    pub fn active(&self) -> usize {
        self.calls.active()
    }

    /// Returns the counters.
    pub fn counts(&self) -> CallCounts {
        self.calls.counts()
    }

    /// Returns the active calls with their locations, as an [`Alert`](super::Alert) does.
    ///
    /// It polls each future once more. That takes at most 100 ms, and the lookup of names more.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped at any time.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with timers.
    pub async fn snapshot(&self) -> MonitorSnapshot {
        MonitorSnapshot {
            name: self.calls.settings.name.clone(),
            max_calls: self.calls.settings.max_calls,
            alerted: self.calls.is_alerted(),
            counts: self.calls.counts(),
            calls: active_calls(&self.calls).await,
        }
    }

    /// Adds the active calls to a list of work, for the reports about the player that makes them.
    ///
    /// ```
    /// # async fn player(cx: upbeat::Context, payments: upbeat::monitor::Monitor) {
    /// let calls = payments.clone();
    /// cx.register_work(move |work| calls.list(work));
    /// # }
    /// ```
    pub fn list(&self, work: &mut WorkList) {
        for (open, _) in self.calls.open() {
            let probe = match &open.work {
                CallWork::Future(probe) => Some(probe.clone()),
                CallWork::Blocking(_) => None,
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
