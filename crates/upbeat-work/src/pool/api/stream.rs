//! Jobs that send several results.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::{error::JobError, ticket::Ticket};

/// The sending half of a [`JobStream`]. A job that sends several results contains one: see
/// [`Pool::submit_stream`](super::super::Pool::submit_stream).
pub struct Emitter<T> {
    sender: mpsc::Sender<T>,
}

/// The error of [`Emitter::send`] after the stream was dropped. The job may as well end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("result not sent: stream dropped")]
pub struct StreamClosed;

impl<T> Emitter<T> {
    pub(super) fn new(capacity: usize) -> (Self, mpsc::Receiver<T>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Self { sender }, receiver)
    }

    /// Sends one result. Waits while the buffer of the stream is full.
    ///
    /// # Errors
    ///
    /// Returns an error if the stream was dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the result was not sent, and is dropped.
    pub async fn send(&self, result: T) -> Result<(), StreamClosed> {
        self.sender.send(result).await.map_err(|_| StreamClosed)
    }

    /// Completes when the stream is dropped.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }
}

impl<T> fmt::Debug for Emitter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").finish_non_exhaustive()
    }
}

/// The results that one job sends, as a stream. It ends with the job.
///
/// If the job panics or is lost, that is the last item. If the stream is dropped, a job that has
/// not begun is cancelled, and the [`Emitter`] of one that has is closed.
///
/// # Cancel safety
///
/// If the future of [`next`](JobStream::next) is dropped, no result is lost.
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

    /// Waits for the next result. Returns `None` after the end of the job.
    ///
    /// # Errors
    ///
    /// Returns an error if the job panicked or was lost, after the results that it sent before.
    pub async fn next(&mut self) -> Option<Result<T, JobError>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Returns the reply of the job, once the stream has ended.
    pub fn into_reply(self) -> Option<R> {
        self.end.and_then(Result::ok)
    }

    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<T, JobError>>> {
        if let Some(ticket) = &mut self.ticket
            && let Poll::Ready(end) = Pin::new(ticket).poll(cx)
        {
            // Polled first: all results that the job has sent are in the channel now.
            self.ticket = None;
            self.end = Some(end);
        }
        if self.ticket.is_some() {
            return match self.results.poll_recv(cx) {
                Poll::Ready(Some(result)) => Poll::Ready(Some(Ok(result))),
                // The job has dropped its emitter and goes on.
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
        f.debug_struct("JobStream").field("ended", &self.ticket.is_none()).finish_non_exhaustive()
    }
}
