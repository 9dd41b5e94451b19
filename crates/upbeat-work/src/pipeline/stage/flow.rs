//! The way of items through fused stages.

use upbeat::BoxError;

use super::cursor::Cursor;
use crate::pipeline::outcome::ItemFailure;

/// The rest of the way below a stage, down to the outputs.
///
/// Each method passes its call on to the part below, unless a part overrides it.
pub trait Flow {
    type Below: Flow;

    /// Returns the next part of the way. The last part returns itself, and overrides all others.
    fn below(&mut self) -> &mut Self::Below;

    /// Takes the failure of the current item, in the stage that the cursor names.
    #[inline]
    fn fail(&mut self, error: BoxError) {
        self.below().fail(error);
    }

    /// Takes a failure of a stage of an earlier section.
    fn forward(&mut self, failure: ItemFailure) {
        self.below().forward(failure);
    }

    /// Begins the next item of the batch. `count` includes it.
    #[inline]
    fn begin(&mut self, count: u64) {
        self.below().begin(count);
    }

    /// Notes that the stage of this number runs from now on.
    #[inline]
    fn enter(&mut self, stage: usize) {
        self.below().enter(stage);
    }

    #[inline]
    fn cursor(&mut self) -> &mut Cursor {
        self.below().cursor()
    }
}

/// A [`Flow`] that takes items of type `T`.
pub trait Downstream<T>: Flow {
    fn give(&mut self, item: T);
}
