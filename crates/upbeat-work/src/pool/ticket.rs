//! The reply of one job, for whoever submitted it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use super::{
    cell::Reply,
    outcome::{JobError, Outcome},
    shared::Places,
};

/// The reply of a job that a [`Pool`](super::Pool) has accepted: a future of its result. Some call it a promise.
///
/// # Guarantees
///
/// It completes, whatever becomes of the job: with its result, with its panic, or because the pool ended before it.
///
/// Dropping the ticket, or [cancelling](Ticket::cancel) it, removes the job if it has not begun: the job is dropped, and its place in
/// the queue is free at once. A job under way is finished, since it may have done half of what it does, and its result is dropped.
///
/// # Cancel safety
///
/// Awaiting `&mut ticket` in a `select!` loses nothing.
///
/// # Panics
///
/// When it is polled after it has completed.
#[must_use = "a job whose ticket is dropped is cancelled if it has not begun"]
pub struct Ticket<R> {
    reply: Option<Arc<dyn Reply<R>>>,
    places: Arc<dyn Places>,
}

impl<R> Ticket<R> {
    pub(super) fn new(reply: Arc<dyn Reply<R>>, places: Arc<dyn Places>) -> Self {
        Self { reply: Some(reply), places }
    }

    /// Gives the reply up. `true`: the job had not begun, and never will. `false`: it is under way or over.
    ///
    /// ```
    /// use upbeat_work::Pool;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // Not started, so nothing begins.
    /// let pool = Pool::new("echo", async |_| Ok::<_, std::io::Error>(()), async |_: &mut (), n: u32| n);
    /// let ticket = pool.try_submit(7).expect("there is room");
    /// assert_eq!(pool.counts().queued, 1);
    /// assert!(ticket.cancel());
    /// assert_eq!(pool.counts().queued, 0);
    /// # }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "most do not want to know")]
    pub fn cancel(mut self) -> bool {
        self.give_up()
    }

    /// Lets the job run, whatever becomes of its result.
    pub fn detach(mut self) {
        self.reply = None;
    }

    fn give_up(&mut self) -> bool {
        let cancelled = self.reply.take().is_some_and(|reply| reply.abandon());
        if cancelled {
            self.places.cancelled(1);
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
        let outcome = std::task::ready!(polled.expect("a ticket is not polled after it has completed"));
        self.reply = None;
        Poll::Ready(Outcome::into_result(outcome))
    }
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("completed", &self.reply.is_none()).finish_non_exhaustive()
    }
}
