//! Times in one word.

use std::{num::NonZeroU64, time::Duration};

/// A time in one word, also inside an `Option`. [`Duration`] takes two words, and each slot has
/// four times.
///
/// Whole nanoseconds, up to five centuries. Longer times are cut to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nanos(NonZeroU64);

impl From<Duration> for Nanos {
    fn from(time: Duration) -> Self {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // One more, so that zero stands for `None`.
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
    fn is_exact_below_five_centuries() {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_hours(24 * 365 * 500)] {
            assert_eq!(Duration::from(Nanos::from(time)), time);
        }
        assert!(Duration::from(Nanos::from(Duration::MAX)) > Duration::from_hours(24 * 365 * 500));
        assert_eq!(size_of::<Option<Nanos>>(), 8);
    }
}
