//! As `tokio::time`, on a clock of its own.
//!
//! Under shuttle-tokio a sleep ends at once and a timeout never expires, so deadlines and backoff
//! have no effect. Here time stands still until [`clock`], an ordinary task, moves it to the next
//! timer. The schedule of that task decides the meaning of time: it runs only when no other task
//! can run (as with tokio's paused clock), or at any moment.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::{Future, poll_fn},
    ops::{Add, AddAssign, Sub},
    pin::Pin,
    task::{Context, Poll, Waker},
};

pub use std::time::Duration;

use pin_project_lite::pin_project;

/// Long after the beginning of the clock, so that there is a past.
const START: Duration = Duration::from_hours(24);

#[derive(Debug)]
struct Clock {
    now: Duration,
    last_key: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
    /// The clock's own task, while there is no timer.
    idle: Option<Waker>,
}

thread_local! {
    // All tasks of one execution share one thread. An ordinary cell, because the clock is no point
    // of the schedule.
    static CLOCK: RefCell<Clock> =
        const { RefCell::new(Clock { now: START, last_key: 0, timers: BTreeMap::new(), idle: None }) };
}

fn with_clock<T>(work: impl FnOnce(&mut Clock) -> T) -> T {
    CLOCK.with(|clock| work(&mut clock.borrow_mut()))
}

/// Sets the clock back to its start.
pub(super) fn reset() {
    // Keys go on: what is left of the last execution must not touch the timers of this one.
    let (timers, idle) = with_clock(|clock| {
        clock.now = START;
        (std::mem::take(&mut clock.timers), clock.idle.take())
    });
    drop((timers, idle));
}

/// Moves time on, timer by timer, for ever.
pub async fn clock() {
    loop {
        poll_fn(|cx| {
            with_clock(|clock| {
                if clock.timers.is_empty() {
                    clock.idle = Some(cx.waker().clone());
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
        })
        .await;
        let due = with_clock(|clock| {
            let Some((&(at, _), _)) = clock.timers.first_key_value() else { return BTreeMap::new() };
            clock.now = clock.now.max(at);
            let later = clock.timers.split_off(&(clock.now, u64::MAX));
            std::mem::replace(&mut clock.timers, later)
        });
        due.into_values().for_each(Waker::wake);
        shuttle::future::yield_now().await;
    }
}

/// A time of this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// As tokio's.
    pub fn now() -> Self {
        Self(with_clock(|clock| clock.now))
    }

    /// As tokio's.
    pub fn elapsed(&self) -> Duration {
        Self::now().saturating_duration_since(*self)
    }

    /// As tokio's.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// As tokio's.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As tokio's.
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// As tokio's, which has an end too, though not the same one.
    pub fn checked_add(&self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }

    /// As tokio's.
    pub fn checked_sub(&self, time: Duration) -> Option<Self> {
        self.0.checked_sub(time).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, time: Duration) {
        self.0 += time;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// As tokio's.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Sleep {
    deadline: Instant,
    key: Option<u64>,
}

/// As tokio's.
pub fn sleep(time: Duration) -> Sleep {
    sleep_until(Instant(Instant::now().0.saturating_add(time)))
}

/// As tokio's.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, key: None }
}

impl Sleep {
    /// As tokio's.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// As tokio's.
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// As tokio's, but it wakes no task before it is polled again.
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.forget();
        self.deadline = deadline;
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            let waker = with_clock(|clock| clock.timers.remove(&(self.deadline.0, key)));
            drop(waker);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.forget();
        if self.is_elapsed() {
            return Poll::Ready(());
        }
        let (key, idle) = with_clock(|clock| {
            clock.last_key += 1;
            clock.timers.insert((self.deadline.0, clock.last_key), cx.waker().clone());
            (clock.last_key, clock.idle.take())
        });
        self.key = Some(key);
        if let Some(idle) = idle {
            idle.wake();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

pin_project! {
    /// As tokio's.
    #[derive(Debug)]
    pub struct Timeout<F> {
        #[pin]
        work: F,
        #[pin]
        limit: Sleep,
    }
}

/// As tokio's.
pub fn timeout<F: IntoFuture>(limit: Duration, work: F) -> Timeout<F::IntoFuture> {
    Timeout { work: work.into_future(), limit: sleep(limit) }
}

/// As tokio's.
pub fn timeout_at<F: IntoFuture>(deadline: Instant, work: F) -> Timeout<F::IntoFuture> {
    Timeout { work: work.into_future(), limit: sleep_until(deadline) }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, error::Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(done) = this.work.poll(cx) {
            return Poll::Ready(Ok(done));
        }
        this.limit.poll(cx).map(|()| Err(error::Elapsed))
    }
}

/// As `tokio::time::error`.
pub mod error {
    use std::{error::Error, fmt};

    /// As tokio's.
    #[derive(Debug, PartialEq, Eq)]
    pub struct Elapsed;

    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("deadline has elapsed")
        }
    }

    impl Error for Elapsed {}
}
