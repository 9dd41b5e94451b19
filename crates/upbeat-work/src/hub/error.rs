//! Errors and counts of hubs.

use std::fmt;

/// The reason why a receiver gets no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The buffer was full when another message was sent. The messages in the buffer are dropped.
    #[error("receiver dropped: buffer full")]
    TooSlow,
    /// The hub was closed, and the receiver has read all messages that were sent before.
    #[error("hub closed")]
    Closed,
}

/// The result of sending one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The number of receivers that have the message in their buffers.
    pub reached: usize,
    /// The number of receivers that were dropped because their buffers were full.
    pub dropped: usize,
}

/// The error of a hub that is closed. It contains the message that was not sent.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hub closed")]
pub struct HubClosed<M = ()>(pub M);

impl<M> fmt::Debug for HubClosed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HubClosed").finish_non_exhaustive()
    }
}

/// The numbers of a hub at one instant, from [`Hub::counts`](super::Hub::counts).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubCounts {
    /// The number of receivers now.
    pub receivers: usize,
    /// The number of receivers that have ever subscribed.
    pub subscribed: u64,
    /// The number of messages that were sent.
    pub messages: u64,
    /// The number of receivers that were dropped as too slow.
    pub dropped: u64,
}

impl fmt::Display for HubCounts {
    /// `12 messages sent, 3 receivers subscribed, 1 dropped as too slow`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscribed, messages, dropped, .. } = self;
        write!(f, "{messages} messages sent, {subscribed} receivers subscribed, {dropped} dropped as too slow")
    }
}
