//! Outputs of the stages.

use crate::pipeline::outcome::ItemFailure;

/// The outputs of a batch: the units for the sink, and the failures with their positions.
#[derive(Debug)]
pub struct Outputs<U> {
    pub(crate) units: Vec<U>,
    pub(crate) failures: Vec<FailedAt>,
    /// The number of items that the units consist of.
    pub(crate) items: u64,
    /// The number of failures among the items.
    pub(crate) failures_as_items: u64,
}

impl<U> Default for Outputs<U> {
    fn default() -> Self {
        Self { units: Vec::new(), failures: Vec::new(), items: 0, failures_as_items: 0 }
    }
}

/// A failure, and the number of units and items before it.
#[derive(Debug)]
pub(crate) struct FailedAt {
    pub(crate) units: usize,
    pub(crate) items: u64,
    pub(crate) failure: ItemFailure,
}

impl<U> Outputs<U> {
    /// Removes the outputs, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.units.clear();
        self.failures.clear();
        (self.items, self.failures_as_items) = (0, 0);
    }
}
