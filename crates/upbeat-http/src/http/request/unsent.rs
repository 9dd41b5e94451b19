use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The bytes of a response that an HTTP/2 engine holds until the client's window admits them.
///
/// The counters are separate, as their reader tolerates that one is older than the other.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    bytes: AtomicU64,
    /// The number of changes.
    moves: AtomicU32,
}

impl Unsent {
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns a number that changes when bytes move; `None` if there are none to send.
    pub(crate) fn moves(&self) -> Option<u32> {
        (self.bytes() > 0).then(|| self.moves.load(Ordering::Relaxed))
    }
}
