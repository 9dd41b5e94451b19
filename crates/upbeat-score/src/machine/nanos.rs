//! Times in one word.

use std::{num::NonZeroU64, time::Duration};

/// A time in one word where [`Duration`] takes two, also inside of an `Option`: there are four of them in each of many parts.
///
/// Whole nanoseconds, which is exact, up to five centuries, which is as good as for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nanos(NonZeroU64);

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // One more, so that zero is free to stand for none.
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }
}

impl From<Nanos> for Duration {
    fn from(Nanos(nanos): Nanos) -> Self {
        Self::from_nanos(nanos.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_below_five_centuries() {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_hours(24 * 365 * 500)] {
            assert_eq!(Duration::from(Nanos::from(time)), time);
        }
        assert!(Duration::from(Nanos::from(Duration::MAX)) > Duration::from_hours(24 * 365 * 500));
        assert_eq!(size_of::<Option<Nanos>>(), 8);
    }
}
