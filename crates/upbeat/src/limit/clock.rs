//! Tokio's clock for `governor`, so that a test can pause it.

use governor::clock::Clock;
use tokio::time::{Duration, Instant};

/// A clock that shows the time since it was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokioClock(Instant);

impl TokioClock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
