//! A rate, as a value.

use std::{num::NonZero, time::Duration};

use governor::Quota;

/// A longer bucket than this many nanoseconds (73 years) does not fit into the arithmetic.
const LONGEST: u64 = 1 << 61;

/// How often something may happen: a token bucket's refill and size.
///
/// A bucket of `burst` tokens is full at first, and gets a token back every `interval`. In any time it gives no more than `burst` tokens and
/// one for each interval in it.
///
/// ```
/// use std::time::Duration;
/// use upbeat::limit::Rate;
///
/// let rate = Rate::new(90, Duration::from_secs(60)).burst(5);
/// assert_eq!((rate.interval(), rate.most()), (Duration::from_secs(60) / 90, 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// `count` in every `period`, at least one, evenly refilled; the burst is `count` too.
    ///
    /// A rate of more than one in a nanosecond is one of one in a nanosecond.
    pub fn new(count: u32, period: Duration) -> Self {
        let count = count.max(1);
        let longest = Duration::from_nanos(LONGEST);
        Self { interval: (period / count).clamp(Duration::from_nanos(1), longest), burst: count }
    }

    /// `count` in every second, at least one; the burst is `count` too.
    pub fn per_second(count: u32) -> Self {
        Self::new(count, Duration::from_secs(1))
    }

    /// `count` in every minute, at least one; the burst is `count` too.
    pub fn per_minute(count: u32) -> Self {
        Self::new(count, Duration::from_mins(1))
    }

    /// Sets how many may come in one go after a pause, at least one.
    ///
    /// No bucket takes longer than 73 years to fill: a larger burst is cut to that.
    pub fn burst(mut self, most: u32) -> Self {
        self.burst = most.max(1);
        self
    }

    /// In which time there is one more token.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How many tokens there are at most.
    pub fn most(&self) -> u32 {
        let fits = u128::from(LONGEST) / self.interval.as_nanos().max(1);
        self.burst.min(u32::try_from(fits).unwrap_or(u32::MAX)).max(1)
    }

    pub(super) fn quota(&self) -> Quota {
        let burst = NonZero::new(self.most()).unwrap_or(NonZero::<u32>::MIN);
        // There is a quota for every interval but zero.
        Quota::with_period(self.interval).unwrap_or(Quota::per_second(burst)).allow_burst(burst)
    }
}
