//! A report of the location of a scope that exceeds its time limit.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{
        AbortHandle,
        coop::{Unconstrained, unconstrained},
    },
    time::{Instant, Sleep, sleep_until},
};
use tracing::{Instrument as _, Span};
use upbeat_probe::{Probe, Watched, watch};

use crate::{
    display::{human, millis},
    panic::catch,
    snapshot::location::Location,
    targets,
    tree::lookup::{PROBE_TIMEOUT, locate},
};

/// Returns a future that reports the location of `future` once if it takes longer than `limit`.
///
/// The scope, such as a request, continues. The report is a `tracing` event of level warn, in the
/// span in which the scope was first polled. [`on_stall`](StallGuard::on_stall) gets it too:
///
/// ```text
/// scope exceeded its time limit scope=checkout taken_ms=5000 location=waiting in
/// └─ shop::checkout at checkout.rs:12
///    └─ shop::charge at charge.rs:40
/// ```
///
/// The future may borrow and need not be `Send`.
///
/// ```
/// use std::time::Duration;
/// use upbeat::diagnostics::stall_guard;
///
/// async fn checkout(cart: &[u32]) -> u32 {
///     cart.iter().sum()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cart = [995, 5];
/// assert_eq!(stall_guard("checkout", Duration::from_secs(5), checkout(&cart)).await, 1000);
/// # }
/// ```
///
/// # Guarantees
///
/// - The time counts from the first poll, and outside of the future. On a runtime with several
///   workers, a future that never yields is reported too, as `inside one poll for at least …`.
/// - If the future ends or is dropped before the limit, nothing is reported, and nothing remains.
/// - Once the limit has passed, there is a report, even if the future ends while it is probed. The
///   location may then be `finished`.
///
/// # Not guaranteed
///
/// - The probe polls the future once more, which every future must tolerate. The future is never
///   aborted.
/// - The time is that of the clock, as for the caller of the scope. It includes a standstill of the
///   whole process, such as SIGSTOP.
/// - The timer needs a worker of the runtime. On a runtime of one thread, a future that does not
///   yield is reported when it yields.
///
/// # Cost
///
/// A timer that is set and removed, and the probe: 0.4 µs for a scope, measured on one machine.
/// Only a scope that lasts for half of its limit gets a task.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Panics
///
/// If first polled outside a tokio runtime with timers.
pub fn stall_guard<F: Future>(name: impl Into<Arc<str>>, limit: Duration, future: F) -> StallGuard<F> {
    let (future, probe) = watch(future);
    StallGuard { future, timer: StallTimer::Set(GuardedScope { name: name.into(), limit, probe, on_stall: None }) }
}

/// The report about a scope that exceeded its limit.
///
/// The names of the location have been looked up, so `Display` does not block.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The name of the scope.
    pub name: Arc<str>,
    /// The time since its first poll.
    pub taken: Duration,
    /// Its location.
    pub location: Location,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has taken {}: {}", self.name, human(self.taken), self.location)
    }
}

type OnStall = Box<dyn FnOnce(&Stall) + Send>;

pin_project_lite::pin_project! {
    /// A future that reports its location if it exceeds its limit, from [`stall_guard`].
    #[must_use = "a guarded future does nothing unless it is polled"]
    pub struct StallGuard<F> {
        #[pin]
        future: Watched<F>,
        timer: StallTimer,
    }
}

impl<F> StallGuard<F> {
    /// Sets a callback for the report, such as one that counts slow requests.
    ///
    /// The callback runs in a task, so it must not block. If it panics, the panic is logged. It
    /// must be set before the first poll. Later it has no effect.
    pub fn on_stall(mut self, on_stall: impl FnOnce(&Stall) + Send + 'static) -> Self {
        if let StallTimer::Set(scope) = &mut self.timer {
            scope.on_stall = Some(Box::new(on_stall));
        }
        self
    }
}

impl<F: Future> Future for StallGuard<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if matches!(this.timer, StallTimer::Set(_)) {
            this.timer.start();
        }
        let outcome = this.future.poll(cx);
        if outcome.is_ready() {
            *this.timer = StallTimer::Ended;
        }
        outcome
    }
}

impl<F> fmt::Debug for StallGuard<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallGuard").field("future", &self.future).finish_non_exhaustive()
    }
}

/// The scope that a report is about.
struct GuardedScope {
    name: Arc<str>,
    limit: Duration,
    probe: Probe,
    on_stall: Option<OnStall>,
}

enum StallTimer {
    Set(GuardedScope),
    Running(#[expect(dead_code, reason = "held for its drop")] RunningTimer),
    Ended,
}

impl StallTimer {
    #[cold]
    fn start(&mut self) {
        if let Self::Set(scope) = std::mem::replace(self, Self::Ended) {
            let begun = Instant::now();
            // A limit that the clock cannot represent is never reached.
            if let Some(due) = begun.checked_add(scope.limit) {
                *self = Self::Running(RunningTimer::new(scope, begun, due));
            }
        }
    }
}

/// A timer that runs without a task until half of the limit has passed. Most scopes end long
/// before.
///
/// The waker of the timer starts the task. A task that is spawned within the first poll of the
/// scope would also have to wait for the end of that poll, because tokio reserves the task that a
/// worker spawned last for that worker.
struct RunningTimer {
    alarm: Arc<StallAlarm>,
    /// Its drop removes the alarm from the timers of the runtime.
    _sleep: Pin<Box<Unconstrained<Sleep>>>,
}

struct StallAlarm {
    runtime: Handle,
    phase: Mutex<StallPhase>,
}

enum StallPhase {
    /// Less than half of the limit has passed.
    Armed { scope: GuardedScope, begun: Instant, due: Instant, span: Span },
    /// Half of the limit has passed, and the task is being spawned.
    Starting,
    /// The task waits for the other half.
    Waiting(AbortHandle),
    /// The limit has passed. The task reports it even if the scope ends.
    Reported,
    /// The scope has ended before the limit.
    Ended,
}

impl RunningTimer {
    fn new(scope: GuardedScope, begun: Instant, due: Instant) -> Self {
        let half = begun + scope.limit / 2;
        let phase = Mutex::new(StallPhase::Armed { scope, begun, due, span: Span::current() });
        let alarm = Arc::new(StallAlarm { runtime: Handle::current(), phase });
        // Outside of the cooperative budget of the current task: an exhausted budget would wake the
        // alarm at once.
        let mut sleep = Box::pin(unconstrained(sleep_until(half)));
        let waker = Waker::from(alarm.clone());
        if sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
        Self { alarm, _sleep: sleep }
    }
}

impl Drop for RunningTimer {
    fn drop(&mut self) {
        let mut phase = self.alarm.phase.lock();
        if matches!(*phase, StallPhase::Reported) {
            return;
        }
        let before = std::mem::replace(&mut *phase, StallPhase::Ended);
        // The callback is user code, so it is dropped without the lock.
        drop(phase);
        if let StallPhase::Waiting(task) = before {
            task.abort();
        }
    }
}

impl Wake for StallAlarm {
    fn wake(self: Arc<Self>) {
        let mut phase = self.phase.lock();
        let StallPhase::Armed { .. } = *phase else { return };
        let armed = std::mem::replace(&mut *phase, StallPhase::Starting);
        drop(phase);
        if let StallPhase::Armed { scope, begun, due, span } = armed {
            let task = self.runtime.spawn(report(self.clone(), scope, begun, due).instrument(span)).abort_handle();
            let mut phase = self.phase.lock();
            match *phase {
                StallPhase::Starting => *phase = StallPhase::Waiting(task),
                // The scope has ended in the meantime, and had no task to abort yet.
                StallPhase::Ended => task.abort(),
                _ => {}
            }
        }
    }
}

impl StallAlarm {
    /// Starts the report. Returns `false` if the scope has ended before the limit.
    fn begin_report(&self) -> bool {
        let mut phase = self.phase.lock();
        if matches!(*phase, StallPhase::Ended) {
            return false;
        }
        *phase = StallPhase::Reported;
        true
    }
}

async fn report(alarm: Arc<StallAlarm>, scope: GuardedScope, begun: Instant, due: Instant) {
    // The probe measures a running poll from its first query on. This one makes the measure cover
    // half of the limit.
    scope.probe.busy();
    sleep_until(due).await;
    if !alarm.begin_report() {
        return;
    }
    let GuardedScope { name, probe, on_stall, .. } = scope;
    let taken = begun.elapsed();
    let Some(location) = locate(&[probe], PROBE_TIMEOUT).await.pop() else { return };
    let stall = Stall { name, taken, location };
    tracing::warn!(target: targets::STALL, scope = &*stall.name, taken_ms = millis(taken), location = %stall.location, "scope exceeded its time limit");
    if let Some(on_stall) = on_stall
        && let Err(panic) = catch(|| on_stall(&stall))
    {
        let (panic, location) = (panic.message(), panic.location());
        tracing::error!(target: targets::STALL, scope = &*stall.name, panic, location, "stall callback panicked");
    }
}
