//! A rate as a value.

use std::{num::NonZero, time::Duration};

use governor::Quota;

/// The longest time in nanoseconds (73 years) in which a bucket fills, so that sums fit.
const MAX_FILL_NANOS: u64 = 1 << 61;

/// The refill interval and the size of a token bucket.
///
/// A bucket of `burst` tokens is full at first and regains a token every `interval`. In any period
/// it gives at most `burst` tokens and one for each interval in that period.
///
/// ```
/// use std::time::Duration;
/// use upbeat::limit::Rate;
///
/// let rate = Rate::new(90, Duration::from_secs(60)).burst(5);
/// assert_eq!((rate.interval(), rate.max_burst()), (Duration::from_secs(60) / 90, 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// Returns a rate of `count` in every `period`, at least one, evenly refilled. The burst is
    /// `count` too.
    ///
    /// A rate above one per nanosecond is one per nanosecond.
    pub fn new(count: u32, period: Duration) -> Self {
        let count = count.max(1);
        let longest = Duration::from_nanos(MAX_FILL_NANOS);
        Self { interval: (period / count).clamp(Duration::from_nanos(1), longest), burst: count }
    }

    /// Returns a rate of `count` per second, at least one. The burst is `count` too.
    pub fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// Returns a rate of `count` per minute, at least one. The burst is `count` too.
    pub fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_mins(1))
    }

    /// Sets how many tokens may be taken at once after a pause, at least one.
    ///
    /// A bucket fills in 73 years at most. A larger burst is reduced to that.
    pub fn burst(mut self, max: u32) -> Self {
        self.burst = max.max(1);
        self
    }

    /// Returns the time in which a bucket regains one token.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the size of the bucket: how many tokens may be taken at once after a pause.
    pub fn max_burst(&self) -> u32 {
        let fits = u128::from(MAX_FILL_NANOS) / self.interval.as_nanos().max(1);
        self.burst.min(u32::try_from(fits).unwrap_or(u32::MAX)).max(1)
    }

    pub(super) fn quota(&self) -> Quota {
        let burst = NonZero::new(self.max_burst()).unwrap_or(NonZero::<u32>::MIN);
        // There is a quota for every interval but zero.
        Quota::with_period(self.interval).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
    }
}
