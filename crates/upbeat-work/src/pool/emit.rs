//! Jobs that send several results.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::{outcome::JobError, ticket::Ticket};

/// Where a job sends its results, before it returns. Part of the job, from [`Pool::submit_stream`](super::Pool::submit_stream).
pub struct Emitter<T> {
    sender: mpsc::Sender<T>,
}

/// Nobody reads a job's results any more: it may as well end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("nobody reads the results any more")]
pub struct ReaderGone;

impl<T> Emitter<T> {
    pub(super) fn new(places: usize) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(places.max(1));
        (Self { sender }, receiver)
    }

    /// Sends one result; waits while the reader is behind.
    ///
    /// # Errors
    ///
    /// When the reader is gone.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the result was not sent, and is dropped.
    pub async fn send(&self, result: T) -> Result<(), ReaderGone> {
        self.sender.send(result).await.map_err(|_| ReaderGone)
    }

    /// Completes when nobody reads the results any more.
    pub async fn reader_gone(&self) {
        self.sender.closed().await;
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}

/// What one job sends: a stream of its results, which ends with the job's own end.
///
/// When the job panics or is lost, that is the last item. Dropping the stream cancels a job that has not begun, and lets one that has know.
///
/// # Cancel safety
///
/// Dropping the future of [`next`](JobStream::next) loses nothing.
#[must_use = "a job whose stream is dropped is cancelled if it has not begun"]
pub struct JobStream<T, R> {
    results: mpsc::Receiver<T>,
    ticket: Option<Ticket<R>>,
    end: Option<Result<R, JobError>>,
}

impl<T, R> JobStream<T, R> {
    pub(super) fn new(results: mpsc::Receiver<T>, ticket: Ticket<R>) -> Self {
        Self { results, ticket: Some(ticket), end: None }
    }

    /// The next result; `None` when the job is over.
    ///
    /// # Errors
    ///
    /// When the job panicked or was lost, after the results that it sent before.
    pub async fn next(&mut self) -> Option<Result<T, JobError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What the job returned, once the stream has ended.
    pub fn into_reply(self) -> Option<R> {
        self.end.and_then(Result::ok)
    }

    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<T, JobError>>> {
        if let Some(ticket) = &mut self.ticket
            && let Poll::Ready(end) = Pin::new(ticket).poll(cx)
        {
            // Looked at first: whatever the job has sent before its end is in the channel now.
            self.ticket = None;
            self.end = Some(end);
        }
        if self.ticket.is_some() {
            return match self.results.poll_recv(cx) {
                Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
                // It has dropped its emitter, and goes on.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            };
        }
        if let Ok(result) = self.results.try_recv() {
            return Poll::Ready(Some(Ok(result)));
        }
        match self.end.take() {
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            end => {
                self.end = end;
                Poll::Ready(None)
            }
        }
    }
}

impl<T, R: Unpin> Stream for JobStream<T, R> {
    type Item = Result<T, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}

impl<T, R> fmt::Debug for JobStream<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobStream").field("over", &self.ticket.is_none()).finish_non_exhaustive()
    }
}
