//! The wall clock, which may be set.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The longest sleep of a wait for a wall clock time. The clock may be set during the sleep.
const POLL_INTERVAL: Duration = Duration::from_secs(30);

/// A source of the time of day. A cheap clone.
#[derive(Clone)]
pub(super) struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    pub(super) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Sleeps until `time`, or until the clock is to be read again. Returns `false` without a sleep
    /// if `time` has come.
    pub(super) async fn sleep_towards(&self, time: SystemTime) -> bool {
        match time.duration_since(self.now()) {
            Ok(left) if !left.is_zero() => {
                self.sleep_at_most(left).await;
                true
            }
            _ => false,
        }
    }

    /// Sleeps for `time`, or until the clock is to be read again.
    pub(super) async fn sleep_at_most(&self, time: Duration) {
        tokio::time::sleep(time.min(POLL_INTERVAL)).await;
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}
