use std::{fmt, sync::Arc};

use super::{Closed, Counts, Member, Sent, shared::Shared};

/// How many messages may wait for one member, if nothing else is said.
const BUFFER: usize = 10;

/// Gives every message to every member, in one order, and waits for nobody. A cheap clone.
///
/// Each member has a buffer of its own. One whose buffer is full when a message comes is dropped, and learns why; the others do not notice.
///
/// ```
/// use upbeat_work::{Hub, hub::Left};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub: Hub<str> = Hub::with_buffer(2);
/// let mut ada = hub.join()?;
/// let mut slow = hub.join()?;
/// for (text, reached, dropped) in [("one", 2, 0), ("two", 2, 0)] {
///     let sent = hub.send(text)?;
///     assert_eq!((sent.reached, sent.dropped), (reached, dropped));
/// }
/// assert_eq!(&*ada.recv().await?, "one");
///
/// // There is no room for a third message with `slow`.
/// let sent = hub.send("three")?;
/// assert_eq!((sent.reached, sent.dropped), (1, 1));
/// assert_eq!(slow.recv().await, Err(Left::TooSlow));
///
/// hub.close();
/// assert_eq!(&*ada.recv().await?, "two");
/// assert_eq!(&*ada.recv().await?, "three");
/// assert_eq!(ada.recv().await, Err(Left::Closed));
/// # Ok(())
/// # }
/// ```
///
/// It is a player, too: told to stop, it closes itself, and the report says what it has done. Whoever sends to it comes [after](upbeat::Part::after)
/// it.
///
/// # Guarantees
///
/// - All members get messages in the same order, also those of several senders at once, and each gets all from when it joined until it leaves.
/// - [`send`](Self::send) never waits for a member: it takes a lock that is held for as long as it takes to put one pointer into each buffer, or take one out.
/// - One message is one allocation, however many members there are.
/// - No more than the buffer waits for a member, and nothing for one that was dropped.
/// - When the last clone of the hub is dropped it is closed.
///
/// # Not guaranteed
///
/// - That a member has read what [`send`](Self::send) says has reached it: that it has a place in its buffer is all that is known.
/// - That a member which is dropped has read what was in its buffer. What it did read is all that was sent up to some message.
///
/// # Compared with `tokio::sync::broadcast`
///
/// That one keeps a single ring for all receivers, so a message costs the same for ten as for ten thousand; here it costs some tens of nanoseconds for each, as does waking
/// them there. A receiver that lags loses messages and goes on with a gap, of which it learns by `Lagged` when it next receives; until then neither the sender
/// knows nor can whoever is stuck in writing to that receiver's client be told. The ring's capacity is rounded up to a power of two. Where a gap
/// does no harm, as with measurements, it is the better choice.
///
/// An `mpsc` channel for each member, with `try_send` under a lock that makes the order, is nearer; but it wakes receivers while that lock is held, so a waker that
/// does something with the hub would wait for itself, and the reason for an end and its announcement to a busy member have to be added beside it. With
/// these there is not much left for the channel to do.
pub struct Hub<T: ?Sized> {
    handle: Arc<Handle<T>>,
}

/// Closes the hub with the last clone; the members have the other reference.
struct Handle<T: ?Sized> {
    shared: Arc<Shared<T>>,
}

impl<T: ?Sized> Hub<T> {
    /// A hub with a buffer of ten messages for each member.
    pub fn new() -> Self {
        Self::with_buffer(BUFFER)
    }

    /// A hub in which so many messages, at least one, may wait for each member.
    pub fn with_buffer(messages: usize) -> Self {
        Self { handle: Arc::new(Handle { shared: Arc::new(Shared::new(messages.max(1))) }) }
    }

    /// A new member, which gets what is sent from now on.
    ///
    /// # Errors
    ///
    /// When the hub is closed.
    pub fn join(&self) -> Result<Member<T>, Closed> {
        let key = self.shared().join()?;
        Ok(Member::new(self.shared().clone(), key))
    }

    /// Gives a message to all members, also to that of whoever sends it. Waits for nobody, needs no runtime.
    ///
    /// A hub without members takes messages, too.
    ///
    /// # Errors
    ///
    /// When the hub is closed. The message comes back.
    pub fn send(&self, message: impl Into<Arc<T>>) -> Result<Sent, Closed<Arc<T>>> {
        self.shared().send(message.into())
    }

    /// Takes no more messages and members. Members can read what was sent before, and then learn that the hub is [closed](super::Left::Closed).
    pub fn close(&self) {
        self.shared().close();
    }

    /// What it has done so far, and how many members there are.
    pub fn counts(&self) -> Counts {
        self.shared().counts()
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T>> {
        &self.handle.shared
    }
}

impl<T: ?Sized> Drop for Handle<T> {
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
        f.debug_struct("Hub").field("buffer", &self.shared().buffer()).field("counts", &self.counts()).finish()
    }
}
