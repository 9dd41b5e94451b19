//! How full a joint is.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many batches wait between two sections.
#[derive(Debug)]
pub(crate) struct LinkFill {
    batches: AtomicUsize,
    size: usize,
}

impl LinkFill {
    pub(crate) fn new(size: usize) -> Self {
        Self { batches: AtomicUsize::new(0), size }
    }

    pub(crate) fn set(&self, batches: usize) {
        self.batches.store(batches, Relaxed);
    }

    /// How many batches there are, and how many there can be.
    pub(super) fn get(&self) -> (usize, usize) {
        (self.batches.load(Relaxed), self.size)
    }
}
