//! Points in time beyond the range of the clock.

use std::time::Duration;

use tokio::time::Instant;

/// Thirty years, which leaves room for sums on every clock.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// The lateness of a timer from which on the whole process is taken to have stood still: it was
/// stopped by a signal, or its machine was suspended.
pub(crate) const STANDSTILL: Duration = Duration::from_millis(500);

/// Returns a time in thirty years, for timers that need a time although nothing is due.
///
/// ```
/// use tokio::time::{Duration, Instant};
///
/// assert!(upbeat::time::far_future() > Instant::now() + Duration::from_secs(60));
/// ```
pub fn far_future() -> Instant {
    Instant::now() + FAR
}

/// Returns the time `delay` after `from`, or one in the far future if the clock cannot represent
/// that.
pub(crate) fn later(from: Instant, delay: Duration) -> Instant {
    from.checked_add(delay).unwrap_or_else(|| from + FAR)
}
