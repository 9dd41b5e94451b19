//! A timer that can be reset.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep_until},
};

use crate::instant::later;

/// A timer that fires once, a given time after its last reset. A cheap clone: one task resets it,
/// another waits.
///
/// Reset by every event, it fires when the events have paused: a debounce.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Context, time::Timer};
///
/// # struct Changes;
/// # impl Changes { async fn next(&mut self) -> u32 { std::future::pending().await } }
/// # async fn save() {}
/// async fn saver(cx: Context, mut changes: Changes) -> Result<(), BoxError> {
///     let quiet = Timer::new(Duration::from_secs(2));
///     loop {
///         tokio::select! {
///             () = cx.stopping() => return Ok(()),
///             _change = changes.next() => quiet.reset(),
///             () = quiet.fired() => save().await,
///         }
///     }
/// }
/// # let _ = saver;
/// ```
///
/// # Guarantees
///
/// - It fires once for each reset that is followed neither by another reset nor by a stop in time.
///   One waiter is notified: a current one, or else the next one.
/// - It needs no task. A waiter sleeps. Without a waiter, a reset is a lock and a store.
///
/// # Not guaranteed
///
/// Of several waiters one is notified, and not always the one that has waited longest.
///
/// # Compared with others
///
/// `tokio::time::Sleep` can be reset too, but only by the task that polls it. Go's `time.Timer` can
/// be reset by any goroutine, as this one. There a value sent before the reset had to be drained
/// until Go 1.23. Here a reset discards it.
#[derive(Clone)]
pub struct Timer {
    inner: Arc<Inner>,
}

struct Inner {
    delay: Duration,
    /// The time at which it fires, if it is set.
    fires: Mutex<Option<Instant>>,
    /// Notified if the timer fires sooner than waiters expect.
    sooner: Notify,
}

impl Timer {
    /// Returns a timer that fires `delay` after a [reset](Timer::reset). It is not set yet.
    pub fn new(delay: Duration) -> Self {
        Self { inner: Arc::new(Inner { delay, fires: Mutex::new(None), sooner: Notify::new() }) }
    }

    /// Sets the timer: it fires when its delay has passed from now on.
    pub fn reset(&self) {
        self.reset_in(self.inner.delay);
    }

    /// Sets the timer like [`reset`](Timer::reset), with another delay for this time.
    pub fn reset_in(&self, delay: Duration) {
        let at = later(Instant::now(), delay);
        let before = self.inner.fires.lock().replace(at);
        // A waiter that sleeps until an earlier time checks again then. A postponement wakes none.
        if before.is_none_or(|before| at < before) {
            self.inner.sooner.notify_waiters();
        }
    }

    /// Stops the timer. Returns whether it was set, which includes that it has fired without a
    /// waiter.
    pub fn stop(&self) -> bool {
        self.inner.fires.lock().take().is_some()
    }

    /// Returns whether the timer is set, or has fired without a waiter.
    pub fn is_set(&self) -> bool {
        self.inner.fires.lock().is_some()
    }

    /// Waits until the timer fires. Returns at once if it has fired without a waiter. A timer that
    /// is not set is waited for too.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the firing is kept for the next waiter.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with timers.
    pub async fn fired(&self) {
        loop {
            // Registered before the check, so that a reset in between wakes it.
            let sooner = self.inner.sooner.notified();
            let at = {
                let mut fires = self.inner.fires.lock();
                if fires.is_some_and(|at| at <= Instant::now()) {
                    *fires = None;
                    return;
                }
                *fires
            };
            match at {
                None => sooner.await,
                Some(at) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = sooner => {}
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("delay", &self.inner.delay).field("is_set", &self.is_set()).finish()
    }
}
