//! What becomes of messages and of members.

use std::fmt;

/// Why a member gets no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Left {
    /// Its buffer was full when one more message came. What was in the buffer is gone with it.
    #[error("dropped: too slow")]
    TooSlow,
    /// The hub was closed, and the member has had every message that was sent before.
    #[error("the hub is closed")]
    Closed,
}

/// What became of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// How many members have it in their buffers.
    pub reached: usize,
    /// How many members were dropped instead, because they had no room for it.
    pub dropped: usize,
}

/// The hub is closed: nobody can join, and what was to be sent comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hub is closed")]
pub struct Closed<M = ()>(pub M);

impl<M> fmt::Debug for Closed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closed").finish_non_exhaustive()
    }
}

/// What a hub has done so far, from [`Hub::counts`](super::Hub::counts). All of it was true at the same instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// How many members there are now.
    pub members: usize,
    /// How many have ever joined.
    pub joined: u64,
    /// How many messages were sent.
    pub messages: u64,
    /// How many members were dropped because they were too slow.
    pub dropped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { joined, messages, dropped, .. } = self;
        write!(f, "{messages} messages sent, {joined} members joined, {dropped} dropped as too slow")
    }
}
