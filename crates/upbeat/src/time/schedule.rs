//! When ticks are due.

use std::future::Future;

use tokio::time::{Duration, Instant};

/// What is as good as never, and still leaves room for sums.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// A source of times, one after another.
pub(super) trait Schedule: Send {
    /// Completes with the next time as soon as it has come.
    ///
    /// Cancel safe: a time that was not returned is still to come.
    fn next(&mut self) -> impl Future<Output = Instant> + Send;
}

/// `time` after `from`, or far in the future where that cannot be told.
pub(super) fn later(from: Instant, time: Duration) -> Instant {
    from.checked_add(time).unwrap_or_else(|| from + FAR)
}
