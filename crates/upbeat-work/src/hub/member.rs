use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::task::coop;

use super::{Left, shared::Shared};

/// Membership of a [`Hub`](super::Hub): what receives its messages. Dropping it is leaving.
///
/// # Guarantees
///
/// It gets every message that is sent after it joined, in the order of the hub and without a gap, until it leaves, is dropped as too slow,
/// or the hub is closed; and is told which of the last two it was.
pub struct Member<T: ?Sized> {
    shared: Arc<Shared<T>>,
    key: u64,
}

impl<T: ?Sized> Member<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, key: u64) -> Self {
        Self { shared, key }
    }

    /// The next message, as soon as there is one.
    ///
    /// # Errors
    ///
    /// [`Left::TooSlow`] from the instant in which the hub dropped it, and [`Left::Closed`] once it has read what was sent before the hub was closed. Both
    /// are final.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped no message is lost.
    pub async fn recv(&mut self) -> Result<Arc<T>, Left> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<T>, Left>> {
        // A member for whom there is always something must let others have their turn.
        let turn = ready!(coop::poll_proceed(cx));
        let Some(news) = self.shared.next(self.key, Some(cx)).transpose() else { return Poll::Pending };
        turn.made_progress();
        Poll::Ready(news)
    }

    /// The next message if it is there already; `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Option<Arc<T>>, Left> {
        self.shared.next(self.key, None)
    }

    /// Completes when nothing more is sent to this member, with the reason.
    ///
    /// It is for whoever is busy with a message and so is not in [`recv`](Self::recv): a connection that waits for its client to read has to hear
    /// meanwhile that it was dropped.
    ///
    /// ```
    /// # async fn write(_: &str) -> std::io::Result<()> { Ok(()) }
    /// use upbeat_work::hub::{Left, Member};
    ///
    /// async fn forward(mut member: Member<str>) -> std::io::Result<Left> {
    ///     loop {
    ///         let message = match member.recv().await {
    ///             Ok(message) => message,
    ///             Err(left) => return Ok(left),
    ///         };
    ///         tokio::select! {
    ///             written = write(&message) => written?,
    ///             left = member.left() => return Ok(left),
    ///         }
    ///     }
    /// }
    /// # drop(forward);
    /// ```
    ///
    /// What was sent before the hub was closed can still be received afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn left(&mut self) -> Left {
        poll_fn(|cx| self.shared.left(self.key, cx)).await
    }
}

impl<T: ?Sized> Drop for Member<T> {
    fn drop(&mut self) {
        self.shared.leave(self.key);
    }
}

impl<T: ?Sized> fmt::Debug for Member<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("key", &self.key).finish_non_exhaustive()
    }
}
