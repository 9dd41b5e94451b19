//! The times at which ticks are due.

use std::future::Future;

use tokio::time::Instant;

use crate::error::BoxError;

/// A source of times, one after another.
pub(super) trait Schedule: Send {
    /// Waits until the next time has come, and returns it.
    ///
    /// Cancel safe: a time that was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// If there is no way to find the next time. It fails the player.
    fn next(&mut self) -> impl Future<Output = Result<Instant, BoxError>> + Send;
}
