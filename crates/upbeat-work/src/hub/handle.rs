//! The handle to a hub.

use std::{fmt, sync::Arc};

use super::{
    error::{HubClosed, HubCounts, Sent},
    receiver::Receiver,
    shared::HubShared,
};

/// The default number of messages that may wait for one receiver.
const CAPACITY: usize = 10;

/// A broadcast of each message to all receivers, in the same order. Clones are cheap.
///
/// Each receiver has its own buffer. If the buffer is full when a message is sent, that receiver is
/// dropped, and its next call returns the reason. Other receivers are not affected.
///
/// ```
/// use upbeat_work::{Hub, hub::RecvError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub: Hub<str> = Hub::with_capacity(2);
/// let mut ada = hub.subscribe()?;
/// let mut slow = hub.subscribe()?;
/// for (text, reached, dropped) in [("one", 2, 0), ("two", 2, 0)] {
///     let sent = hub.send(text)?;
///     assert_eq!((sent.reached, sent.dropped), (reached, dropped));
/// }
/// assert_eq!(&*ada.recv().await?, "one");
///
/// // The buffer of `slow` is full.
/// let sent = hub.send("three")?;
/// assert_eq!((sent.reached, sent.dropped), (1, 1));
/// assert_eq!(slow.recv().await, Err(RecvError::TooSlow));
///
/// hub.close();
/// assert_eq!(&*ada.recv().await?, "two");
/// assert_eq!(&*ada.recv().await?, "three");
/// assert_eq!(ada.recv().await, Err(RecvError::Closed));
/// # Ok(())
/// # }
/// ```
///
/// A hub is also a player. On a stop it closes, and the report contains its counts. Parts that send
/// come [after](upbeat::Part::after) it.
///
/// # Guarantees
///
/// - All receivers get messages in the same order, also from several senders. Each gets all
///   messages between its subscription and its end.
/// - [`send`](Self::send) never waits for a receiver. It takes one lock, which is held for one
///   pointer operation for each receiver.
/// - One message is one allocation, for any number of receivers.
/// - At most the capacity of its buffer waits for a receiver. Nothing is kept for one that was
///   dropped.
/// - The hub is closed when its last clone is dropped.
///
/// # Not guaranteed
///
/// - A message that has reached a receiver is in its buffer. It may never be read.
/// - A receiver that is dropped may not have read its buffer. The messages that it has read are all
///   messages up to some point.
///
/// # Compared with `tokio::sync::broadcast`
///
/// `broadcast` keeps a single ring for all receivers, so that a message costs the same for ten as
/// for ten thousand. Here it costs some tens of nanoseconds for each receiver, as waking does in
/// both. In `broadcast`, a receiver that lags loses messages and goes on with a gap. It gets the
/// error `Lagged` when it next receives. Until then, the sender has no count of it, and a task that
/// is stuck in a write to that receiver's client is not notified. The capacity of the ring is
/// rounded up to a power of two. `broadcast` is the better choice where gaps do no harm, as with
/// measurements.
///
/// One `mpsc` channel for each receiver, with `try_send` under a lock that makes the order, is
/// nearer. But it wakes receivers under that lock, so that a waker which uses the hub deadlocks.
/// The reason of an end and its notification have to be added beside the channels.
pub struct Hub<T: ?Sized> {
    handle: Arc<HubHandle<T>>,
}

/// Closes the hub when its last clone is dropped. Receivers hold only the other reference.
struct HubHandle<T: ?Sized> {
    shared: Arc<HubShared<T>>,
}

impl<T: ?Sized> Hub<T> {
    /// Creates a hub with a buffer of ten messages for each receiver.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Creates a hub with a buffer of this many messages, at least one, for each receiver.
    pub fn with_capacity(messages: usize) -> Self {
        Self { handle: Arc::new(HubHandle { shared: Arc::new(HubShared::new(messages.max(1))) }) }
    }

    /// Creates a receiver of all messages that are sent from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the hub is closed.
    pub fn subscribe(&self) -> Result<Receiver<T>, HubClosed> {
        let key = self.shared().subscribe()?;
        Ok(Receiver::new(self.shared().clone(), key))
    }

    /// Sends a message to all receivers. It does not wait and needs no runtime.
    ///
    /// Without receivers the message is dropped, which is no error.
    ///
    /// # Errors
    ///
    /// Returns the message if the hub is closed.
    pub fn send(&self, message: impl Into<Arc<T>>) -> Result<Sent, HubClosed<Arc<T>>> {
        self.shared().send(message.into())
    }

    /// Closes the hub for messages and subscriptions. Receivers can read the messages that were
    /// sent before, and then get [`RecvError::Closed`](super::RecvError::Closed).
    pub fn close(&self) {
        self.shared().close();
    }

    /// Returns the numbers of receivers and messages.
    pub fn counts(&self) -> HubCounts {
        self.shared().counts()
    }

    pub(super) fn shared(&self) -> &Arc<HubShared<T>> {
        &self.handle.shared
    }
}

impl<T: ?Sized> Drop for HubHandle<T> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<T: ?Sized> Default for Hub<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> Clone for Hub<T> {
    fn clone(&self) -> Self {
        Self { handle: self.handle.clone() }
    }
}

impl<T: ?Sized> fmt::Debug for Hub<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("capacity", &self.shared().capacity()).field("counts", &self.counts()).finish()
    }
}
