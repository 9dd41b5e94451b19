//! The times at which ticks are due.

use std::future::Future;

use tokio::time::Instant;

/// A source of times, one after another.
pub(super) trait Schedule: Send {
    /// Waits until the next time has come, and returns it.
    ///
    /// Cancel safe: a time that was not returned is returned by the next call.
    fn next(&mut self) -> impl Future<Output = Instant> + Send;
}
