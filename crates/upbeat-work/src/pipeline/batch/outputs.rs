//! What comes out of the stages.

use crate::pipeline::outcome::ItemFailure;

/// What a batch became: densely what came out, and on the side what failed, with its place among the others.
#[derive(Debug)]
pub struct Outputs<U> {
    pub(crate) units: Vec<U>,
    pub(crate) failures: Vec<FailedAt>,
    /// How many items the units are.
    pub(crate) items: u64,
    /// How many failures are among them.
    pub(crate) passed: u64,
}

impl<U> Default for Outputs<U> {
    fn default() -> Self {
        Self { units: Vec::new(), failures: Vec::new(), items: 0, passed: 0 }
    }
}

/// A failure, and how much came out before it.
#[derive(Debug)]
pub(crate) struct FailedAt {
    pub(crate) units: usize,
    pub(crate) items: u64,
    pub(crate) failure: ItemFailure,
}

impl<U> Outputs<U> {
    /// Empties it, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.units.clear();
        self.failures.clear();
        (self.items, self.passed) = (0, 0);
    }
}
