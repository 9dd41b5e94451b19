//! Waiting in line.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{sync::Semaphore, time::sleep};

use super::error::RateLimitError;

/// Those who wait for tokens of one bucket, in the order in which they came.
#[derive(Debug)]
pub(super) struct Line {
    /// Whose turn it is to take the next token.
    turn: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Line {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), waiting: AtomicUsize::new(0) }
    }
}

impl Line {
    /// How many are in it. Only a hint: who comes at this very moment may be counted or not.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Why somebody who does not want to wait is refused while others do: they were here first.
    pub(super) fn refusal(&self, interval: Duration) -> Option<RateLimitError> {
        let before = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        (before > 0).then(|| RateLimitError { retry_after: interval.saturating_mul(before.saturating_add(1)) })
    }

    /// Waits for its turn and then until `take` gives a token. A token is taken in the very poll that completes.
    pub(super) async fn wait(&self, take: impl Fn() -> Result<(), RateLimitError>) {
        let _here = Here::new(&self.waiting);
        // The semaphore is never closed, so there is no error.
        let _turn = self.turn.acquire().await;
        while let Err(refused) = take() {
            sleep(refused.retry_after).await;
        }
    }
}

/// Is counted while it lives.
struct Here<'a>(&'a AtomicUsize);

impl<'a> Here<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
