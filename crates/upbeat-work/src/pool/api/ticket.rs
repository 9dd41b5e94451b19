//! The reply to one job.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use super::error::JobError;
use crate::pool::{
    queue::pending::Reply,
    worker::{end::CancelJobs, shared::RunNumber},
};

/// The reply to a job that a [`Pool`](super::super::Pool) has accepted: a future of its result.
///
/// # Guarantees
///
/// It always completes: with the result of the job, with its panic, or with the end of the pool.
///
/// If the ticket is dropped or [cancelled](Ticket::cancel) before the job has begun, the job is
/// dropped, and its permit is free at once. A job that has begun runs to its end, since it may be
/// half done, and its result is dropped.
///
/// # Cancel safety
///
/// Awaiting `&mut ticket` in a `select!` loses nothing.
///
/// # Panics
///
/// Panics if it is polled after it has completed.
#[must_use = "a job whose ticket is dropped is cancelled if it has not begun"]
pub struct Ticket<R> {
    reply: Option<Arc<dyn Reply<R>>>,
    pool: Arc<dyn CancelJobs>,
    run: RunNumber,
}

impl<R> Ticket<R> {
    pub(super) fn new(reply: Arc<dyn Reply<R>>, pool: Arc<dyn CancelJobs>, run: RunNumber) -> Self {
        Self { reply: Some(reply), pool, run }
    }

    /// Gives up the reply. Returns `true` if the job had not begun, and so never will.
    ///
    /// ```
    /// use upbeat_work::Pool;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // The pool is not started, so no job begins.
    /// let pool = Pool::new("echo", async |_| Ok::<_, std::io::Error>(()), async |_: &mut (), n: u32| n);
    /// let ticket = pool.try_submit(7).expect("the queue is empty");
    /// assert_eq!(pool.counts().queued, 1);
    /// assert!(ticket.cancel());
    /// assert_eq!(pool.counts().queued, 0);
    /// # }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most callers do not need the result")]
    pub fn cancel(mut self) -> bool {
        self.give_up()
    }

    /// Lets the job run, and drops its result.
    pub fn detach(mut self) {
        self.reply = None;
    }

    fn give_up(&mut self) -> bool {
        let cancelled = self.reply.take().is_some_and(|reply| reply.abandon());
        if cancelled {
            self.pool.cancel(self.run, 1);
        }
        cancelled
    }
}

impl<R> Drop for Ticket<R> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<R> Future for Ticket<R> {
    type Output = Result<R, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let polled = self.reply.as_ref().map(|reply| reply.poll(cx));
        let outcome = ready!(polled.expect("a ticket is not polled after it has completed"));
        self.reply = None;
        Poll::Ready(outcome.into())
    }
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("completed", &self.reply.is_none()).finish_non_exhaustive()
    }
}
