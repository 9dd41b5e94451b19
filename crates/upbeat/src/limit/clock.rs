//! Tokio's clock, for governor: a test can pause it.

use governor::clock::Clock;
use tokio::time::{Duration, Instant};

/// The time since it was made.
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
