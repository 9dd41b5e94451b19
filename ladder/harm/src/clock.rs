//! A wall clock that is set.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// A wall clock that a test sets, as an operator, a time server or a resumed machine would. A cheap
/// clone.
///
/// It advances with the clock of tokio, so a paused clock advances it by hours in no time. Setting
/// it does not affect the clock of tokio.
///
/// ```
/// # use std::time::{Duration, SystemTime};
/// # use harm::clock::WallClock;
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
/// let clock = WallClock::new(SystemTime::UNIX_EPOCH);
/// tokio::time::advance(Duration::from_secs(60)).await;
/// clock.set_back(Duration::from_secs(50));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(10));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct WallClock(Arc<Mutex<Setting>>);

#[derive(Clone, Copy, Debug)]
struct Setting {
    time: SystemTime,
    at: Instant,
}

impl WallClock {
    /// Returns a clock that shows `time` now.
    pub fn new(time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Setting { time, at: Instant::now() })))
    }

    /// Returns the time that it shows.
    pub fn now(&self) -> SystemTime {
        let Setting { time, at } = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time + at.elapsed()
    }

    /// Sets it to another time.
    pub fn set(&self, time: SystemTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Setting { time, at: Instant::now() };
    }

    /// Sets it back.
    pub fn set_back(&self, by: Duration) {
        self.set(self.now() - by);
    }

    /// Sets it forward.
    pub fn set_forward(&self, by: Duration) {
        self.set(self.now() + by);
    }
}
