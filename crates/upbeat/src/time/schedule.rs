//! The times at which ticks are due.

use std::future::Future;

use tokio::time::{Duration, Instant};

/// A delay that never passes in practice, and still leaves room for sums.
const FAR_FUTURE: Duration = Duration::from_hours(24 * 365 * 30);

/// A source of times, one after another.
pub(super) trait Schedule: Send {
    /// Waits until the next time has come, and returns it.
    ///
    /// Cancel safe: a time that was not returned is returned by the next call.
    fn next(&mut self) -> impl Future<Output = Instant> + Send;
}

/// Returns `from + delay`, or a time far in the future if that cannot be represented.
pub(super) fn later(from: Instant, delay: Duration) -> Instant {
    from.checked_add(delay).unwrap_or_else(|| from + FAR_FUTURE)
}
