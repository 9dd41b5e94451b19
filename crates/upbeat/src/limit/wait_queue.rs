//! The waiters of one token bucket.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{sync::Semaphore, time::sleep};

use super::error::RateLimitError;

/// The waiters of one token bucket, in the order in which they came.
#[derive(Debug)]
pub(super) struct WaitQueue {
    /// Its only permit belongs to the waiter that takes the next token.
    turn: Semaphore,
    waiting: AtomicUsize,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), waiting: AtomicUsize::new(0) }
    }
}

impl WaitQueue {
    /// Returns how many wait. The number is a hint: a concurrent call may or may not be included.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the error for a caller that does not wait, if there are waiters: they come first.
    pub(super) fn check(&self, interval: Duration) -> Option<RateLimitError> {
        let before = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        (before > 0).then(|| RateLimitError { retry_after: interval.saturating_mul(before.saturating_add(1)) })
    }

    /// Waits in the queue, and then until `take` returns a token.
    ///
    /// The token is taken in the poll that completes. A cancelled wait therefore takes none.
    pub(super) async fn wait(&self, take: impl Fn() -> Result<(), RateLimitError>) {
        let _counted = Counted::new(&self.waiting);
        // The semaphore is never closed, so there is no error.
        let _turn = self.turn.acquire().await;
        while let Err(error) = take() {
            sleep(error.retry_after).await;
        }
    }
}

/// Increments a counter for as long as this value exists.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
