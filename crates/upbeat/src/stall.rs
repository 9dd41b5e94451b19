//! A scope that takes too long says where it is.

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
use upbeat_probe::{Answer, Probe, Watched, watch};

use crate::{
    display::human,
    panic::catch,
    tree::lookup::{PATIENCE, resolve},
};

/// Guards a scope, such as a request: should `future` take longer than `limit`, it is told once where it waits, and goes on.
///
/// The news is a `tracing` event of level warn, in the span in which the scope was first polled, and comes to
/// [`on_stall`](StallGuard::on_stall) too:
///
/// ```text
/// `checkout` has taken 5.0 s: waiting in
/// └─ shop::checkout at checkout.rs:12
///    └─ shop::charge at charge.rs:40
/// ```
///
/// The future may borrow and need not be `Send`.
///
/// ```
/// use std::time::Duration;
/// use upbeat::stall_guard;
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
/// - The time counts from the first poll, outside of the future: on a runtime with several workers it is noticed also when the future
///   never yields. The answer is then `inside one poll for at least …`.
/// - When the future ends or is dropped before the limit, nothing is said, and nothing stays.
/// - Once the limit is passed it is said, even when the future ends while it is being asked: the answer may then be `finished`.
///
/// # Not guaranteed
///
/// - The future is polled once more for the question, which every future has to bear. Otherwise it is not touched, and never stopped.
/// - The timer needs a worker of the runtime. On a runtime of one thread a future that never yields is told about when it does.
///
/// # Cost
///
/// A timer that is set and taken away, and the probe: on the machine that this was written on, 0.4 µs for a scope. Only a scope that
/// lasts for half of its limit gets a task.
///
/// # Cancel safety
///
/// That of the future.
///
/// # Panics
///
/// When first polled outside a tokio runtime with timers.
pub fn stall_guard<F: Future>(name: impl Into<Arc<str>>, limit: Duration, future: F) -> StallGuard<F> {
    let (future, probe) = watch(future);
    StallGuard { future, timer: Timer::Set(Scope { name: name.into(), limit, probe, on_stall: None }) }
}

/// A scope has taken longer than its limit. Its names have been looked up: displaying it is quick.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The scope's name.
    pub name: Arc<str>,
    /// How long it had taken when it was asked.
    pub taken: Duration,
    /// Where it was.
    pub answer: Answer,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has taken {}: {}", self.name, human(self.taken), self.answer)
    }
}

type OnStall = Box<dyn FnOnce(&Stall) + Send>;

pin_project_lite::pin_project! {
    /// A future that says where it is when it takes too long, from [`stall_guard`].
    #[must_use = "a guarded future does nothing unless it is polled"]
    pub struct StallGuard<F> {
        #[pin]
        future: Watched<F>,
        timer: Timer,
    }
}

impl<F> StallGuard<F> {
    /// Gives the news to a function as well, such as one that counts slow requests.
    ///
    /// It is called on a task of the runtime, so it must not block. Should it panic, that is logged. It must be set before the first poll;
    /// later it has no effect.
    pub fn on_stall(mut self, on_stall: impl FnOnce(&Stall) + Send + 'static) -> Self {
        if let Timer::Set(scope) = &mut self.timer {
            scope.on_stall = Some(Box::new(on_stall));
        }
        self
    }
}

impl<F: Future> Future for StallGuard<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if matches!(this.timer, Timer::Set(_)) {
            this.timer.start();
        }
        let outcome = this.future.poll(cx);
        if outcome.is_ready() {
            *this.timer = Timer::Over;
        }
        outcome
    }
}

impl<F> fmt::Debug for StallGuard<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallGuard").field("future", &self.future).finish_non_exhaustive()
    }
}

/// What is to be told about.
struct Scope {
    name: Arc<str>,
    limit: Duration,
    probe: Probe,
    on_stall: Option<OnStall>,
}

enum Timer {
    Set(Scope),
    Runs(#[expect(dead_code, reason = "its drop is what matters")] Running),
    Over,
}

impl Timer {
    #[cold]
    fn start(&mut self) {
        if let Self::Set(scope) = std::mem::replace(self, Self::Over) {
            let begun = Instant::now();
            // A limit that the clock cannot represent is one that is never reached.
            if let Some(due) = begun.checked_add(scope.limit) {
                *self = Self::Runs(Running::new(scope, begun, due));
            }
        }
    }
}

/// A timer that runs without a task until half of the limit has passed: most scopes end long before, and need not pay for one.
///
/// The timer's waker starts the task. A task that is spawned within the first poll of the scope would moreover have to wait for the end of
/// that poll: tokio keeps what a worker has spawned last for that worker alone.
struct Running {
    alarm: Arc<Alarm>,
    /// Dropping it takes the alarm off the runtime's timers.
    _sleep: Pin<Box<Unconstrained<Sleep>>>,
}

struct Alarm {
    runtime: Handle,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Nothing has happened yet.
    Armed { scope: Scope, begun: Instant, due: Instant, span: Span },
    /// Half of the limit has passed: the task is being spawned.
    Starts,
    /// The task waits for the other half.
    Waits(AbortHandle),
    /// The limit has passed, and the task tells it, whatever becomes of the scope.
    Told,
    /// The scope was over before.
    Over,
}

impl Running {
    fn new(scope: Scope, begun: Instant, due: Instant) -> Self {
        let half = begun + scope.limit / 2;
        let stage = Mutex::new(Stage::Armed { scope, begun, due, span: Span::current() });
        let alarm = Arc::new(Alarm { runtime: Handle::current(), stage });
        // Not out of the budget of the task that is polled now: if that were used up, the alarm would be woken at once.
        let mut sleep = Box::pin(unconstrained(sleep_until(half)));
        let waker = Waker::from(alarm.clone());
        if sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
        Self { alarm, _sleep: sleep }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut stage = self.alarm.stage.lock();
        if matches!(*stage, Stage::Told) {
            return;
        }
        let before = std::mem::replace(&mut *stage, Stage::Over);
        // What goes with it may be user code, and is dropped without the lock.
        drop(stage);
        if let Stage::Waits(task) = before {
            task.abort();
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut stage = self.stage.lock();
        let Stage::Armed { .. } = *stage else { return };
        let armed = std::mem::replace(&mut *stage, Stage::Starts);
        drop(stage);
        if let Stage::Armed { scope, begun, due, span } = armed {
            let task = self.runtime.spawn(tell(self.clone(), scope, begun, due).instrument(span)).abort_handle();
            let mut stage = self.stage.lock();
            match *stage {
                Stage::Starts => *stage = Stage::Waits(task),
                // The scope has ended in the meantime, and had no task to abort yet.
                Stage::Over => task.abort(),
                _ => {}
            }
        }
    }
}

impl Alarm {
    /// Whether the limit has come before the end of the scope.
    fn limit_passes(&self) -> bool {
        let mut stage = self.stage.lock();
        if matches!(*stage, Stage::Over) {
            return false;
        }
        *stage = Stage::Told;
        true
    }
}

async fn tell(alarm: Arc<Alarm>, scope: Scope, begun: Instant, due: Instant) {
    // How long a poll has been running is known from the first look on: this one makes the answer true to half of the limit.
    scope.probe.busy();
    sleep_until(due).await;
    if !alarm.limit_passes() {
        return;
    }
    let Scope { name, probe, on_stall, .. } = scope;
    let taken = begun.elapsed();
    let answer = probe.ask(PATIENCE).await;
    resolve(std::slice::from_ref(&answer)).await;
    let stall = Stall { name, taken, answer };
    tracing::warn!("{stall}");
    if let Some(on_stall) = on_stall
        && let Err(panic) = catch(|| on_stall(&stall))
    {
        tracing::error!("the callback of the stalled `{}` {panic}", stall.name);
    }
}
