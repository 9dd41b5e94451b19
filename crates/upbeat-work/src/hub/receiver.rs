//! The receiver of messages.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::task::coop;

use super::{error::RecvError, shared::HubShared};

/// A receiver of the messages of a [`Hub`](super::Hub). Dropping it unsubscribes.
///
/// # Guarantees
///
/// It gets each message that is sent after it subscribed, in the order of the hub and without a
/// gap, until it is dropped, is too slow, or the hub is closed. The error of [`recv`](Self::recv)
/// is which of the last two it was.
pub struct Receiver<T: ?Sized> {
    shared: Arc<HubShared<T>>,
    key: u64,
}

impl<T: ?Sized> Receiver<T> {
    pub(super) fn new(shared: Arc<HubShared<T>>, key: u64) -> Self {
        Self { shared, key }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// Returns [`RecvError::TooSlow`] as soon as the hub has dropped the receiver, and
    /// [`RecvError::Closed`] once all messages before the close are read. Both are final.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no message is lost.
    pub async fn recv(&mut self) -> Result<Arc<T>, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<T>, RecvError>> {
        // A receiver that always has messages must let other tasks run.
        let budget = ready!(coop::poll_proceed(cx));
        let Some(received) = self.shared.next(self.key, Some(cx)).transpose() else { return Poll::Pending };
        budget.made_progress();
        Poll::Ready(received)
    }

    /// Returns the next message, or `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Arc<T>>, RecvError> {
        self.shared.next(self.key, None)
    }

    /// Waits until no more messages are sent to this receiver, and returns the reason.
    ///
    /// It is for a task that handles a message and so is not in [`recv`](Self::recv). For example,
    /// a connection that waits for its client to read is notified here that it was too slow.
    ///
    /// ```
    /// # async fn write(_: &str) -> std::io::Result<()> { Ok(()) }
    /// use upbeat_work::hub::{Receiver, RecvError};
    ///
    /// async fn forward(mut receiver: Receiver<str>) -> std::io::Result<RecvError> {
    ///     loop {
    ///         let message = match receiver.recv().await {
    ///             Ok(message) => message,
    ///             Err(closed) => return Ok(closed),
    ///         };
    ///         tokio::select! {
    ///             written = write(&message) => written?,
    ///             closed = receiver.closed() => return Ok(closed),
    ///         }
    ///     }
    /// }
    /// # drop(forward);
    /// ```
    ///
    /// Messages that were sent before the hub was closed can still be received afterwards.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, nothing is lost.
    pub async fn closed(&mut self) -> RecvError {
        poll_fn(|cx| self.shared.poll_closed(self.key, cx)).await
    }
}

impl<T: ?Sized> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.unsubscribe(self.key);
    }
}

impl<T: ?Sized> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("key", &self.key).finish_non_exhaustive()
    }
}
