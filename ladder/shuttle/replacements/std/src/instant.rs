use std::{cell::Cell, time::Duration};

use shuttle::rand::{Rng as _, thread_rng};

thread_local! {
    // All tasks of one execution share one thread. Only the time between two looks matters, so it
    // goes on from one execution to the next.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A time of a clock that stands still, creeps or leaps between two looks, as chance has it. So
/// whatever is decided by the time that something took is decided in every way, and the same way in
/// a replay.
///
/// Deadlines and timers are on another clock, that of `shuttled_tokio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// As the standard one's.
    pub fn now() -> Self {
        let passed = match thread_rng().gen_range(0..4) {
            0 | 1 => Duration::ZERO,
            2 => Duration::from_micros(5),
            _ => Duration::from_millis(1),
        };
        NOW.set(NOW.get() + passed);
        Self(NOW.get())
    }

    /// As the standard one's.
    pub fn elapsed(&self) -> Duration {
        Self::now() - *self
    }

    /// As the standard one's.
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// As the standard one's.
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// As the standard one's.
    pub fn checked_add(&self, time: Duration) -> Option<Self> {
        self.0.checked_add(time).map(Self)
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

impl std::ops::Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}
