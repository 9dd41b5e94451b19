//! The fill level of the buffer between two sections.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The number of batches that wait between two sections.
#[derive(Debug)]
pub(crate) struct LinkFill {
    batches: AtomicUsize,
    capacity: usize,
}

impl LinkFill {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { batches: AtomicUsize::new(0), capacity }
    }

    pub(crate) fn set(&self, batches: usize) {
        self.batches.store(batches, Relaxed);
    }

    /// Returns the number of batches, and the capacity.
    pub(super) fn get(&self) -> (usize, usize) {
        (self.batches.load(Relaxed), self.capacity)
    }
}
