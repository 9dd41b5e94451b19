//! A timer that can be set again.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Duration, Instant, sleep_until},
};

use super::schedule::later;

/// A timer that fires once, some time after it was last set. A cheap clone: one task sets it, another waits.
///
/// Set anew by every event, it fires when the events have paused: a debounce.
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
/// - It fires once for each time that it was set and neither set anew nor stopped before: who waits then is told, or who waits next.
/// - It needs no task. Whoever waits sleeps; while nobody does, setting it is a lock and a store.
///
/// # Not guaranteed
///
/// Of several who wait one is told, and not always the one who has waited longest.
///
/// # Compared with others
///
/// `tokio::time::Sleep` can be reset too, but only by whoever polls it. Go's `time.Timer` can be by anybody, as this one; there a value
/// that was sent before the reset had to be drained until Go 1.23. Here it is gone with the reset.
#[derive(Clone)]
pub struct Timer {
    inner: Arc<Inner>,
}

struct Inner {
    time: Duration,
    /// When it fires; `None` while it is not set.
    fires: Mutex<Option<Instant>>,
    /// It fires sooner than those who wait may think.
    sooner: Notify,
}

impl Timer {
    /// A timer that fires `time` after it is [set](Timer::reset). It is not set yet.
    pub fn new(time: Duration) -> Self {
        Self { inner: Arc::new(Inner { time, fires: Mutex::new(None), sooner: Notify::new() }) }
    }

    /// Sets it, or sets it anew: it fires when its time has passed from now on.
    pub fn reset(&self) {
        self.reset_in(self.inner.time);
    }

    /// As [`reset`](Timer::reset), with another time for this once.
    pub fn reset_in(&self, time: Duration) {
        let at = later(Instant::now(), time);
        let before = self.inner.fires.lock().replace(at);
        // Who sleeps until an earlier time looks again then, and sleeps on: a reset that postpones wakes nobody.
        if before.is_none_or(|before| at < before) {
            self.inner.sooner.notify_waiters();
        }
    }

    /// Stops it, and says whether it was set. One that has fired and told nobody was.
    pub fn stop(&self) -> bool {
        self.inner.fires.lock().take().is_some()
    }

    /// Whether it is set, or has fired and told nobody yet.
    pub fn is_set(&self) -> bool {
        self.inner.fires.lock().is_some()
    }

    /// Completes when it fires; at once if it has and nobody was told. While it is not set it waits for that too.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped nobody was told.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with timers.
    pub async fn fired(&self) {
        loop {
            // Made before the look, so that a reset in between wakes it.
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
        f.debug_struct("Timer").field("time", &self.inner.time).field("is_set", &self.is_set()).finish()
    }
}
