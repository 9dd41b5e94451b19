//! The wall clock, which can be set.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Whoever waits for a time of the wall clock looks at it at least this often, because it may have been set meanwhile.
const LOOK: Duration = Duration::from_secs(30);

/// What tells the time of day.
#[derive(Clone)]
pub(super) struct Wall(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Wall {
    pub(super) fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(super) fn now(&self) -> SystemTime {
        (self.0)()
    }

    /// Sleeps until `time`, or until it is time to look at the clock again. `false` if `time` has come already.
    pub(super) async fn sleep_towards(&self, time: SystemTime) -> bool {
        match time.duration_since(self.now()) {
            Ok(left) if !left.is_zero() => {
                tokio::time::sleep(left.min(LOOK)).await;
                true
            }
            _ => false,
        }
    }
}

impl Default for Wall {
    fn default() -> Self {
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}
