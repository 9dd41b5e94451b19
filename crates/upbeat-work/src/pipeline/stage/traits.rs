//! What stages are.

use upbeat::BoxError;

use super::cursor::Cursor;
use crate::pipeline::outcome::ItemFailure;

/// The stages of a pipeline, fused: what makes of a batch `R` of the source a sequence of items. Sealed: made by the methods of
/// [`Pipeline`](crate::Pipeline).
///
/// Items may borrow from the batch for `'b`, as lines do. The last parameter says that `R` outlives `'b`, so that "for every `'b`" means only those that
/// make sense; without it items could not borrow anything else. (The trick is that of the crate `nougat`.)
pub trait StageChain<'b, R, Bound = &'b R>: Send + Sync {
    /// What the last stage gives.
    type Out;

    /// Takes a batch through all stages, and leaves it empty.
    #[doc(hidden)]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D);
}

/// What is below a stage.
#[doc(hidden)]
pub trait Flow {
    /// The item at hand failed, in the stage that the account names.
    fn fail(&mut self, error: BoxError);

    /// An item failed already before this section.
    fn relay(&mut self, failure: ItemFailure);

    /// The next item of the batch, the so many-th, from 1.
    fn begin(&mut self, begun: u64);

    /// What follows is done by this stage.
    fn enter(&mut self, stage: usize);

    fn cursor(&mut self) -> &mut Cursor;
}

/// What is below a stage that gives `T`.
#[doc(hidden)]
pub trait Downstream<T>: Flow {
    fn give(&mut self, item: T);
}

/// One stage.
#[doc(hidden)]
pub trait Stage<T>: Send + Sync {
    type Out;

    fn apply<D: Downstream<Self::Out>>(&self, item: T, out: &mut D);
}
