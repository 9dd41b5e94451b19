//! The traits of stages.

use super::flow::Downstream;

/// The fused stages of a pipeline, which make items of a batch `B` of the source.
///
/// Sealed: the methods of [`Pipeline`](crate::Pipeline) make the implementors. It names the types
/// of functions that return a pipeline.
///
/// Items may borrow from the batch for `'b`, as lines do. The last parameter states that `B`
/// outlives `'b`, so that "for every `'b`" means only lifetimes that make sense. Without it items
/// could not borrow from anything else. (The crate `nougat` uses the same trick.)
pub trait StageChain<'b, B, Bound = &'b B>: Push<'b, B, <Self as StageChain<'b, B, Bound>>::Out> {
    /// The items that leave the last stage.
    type Out;
}

/// The sealed part of a [`StageChain`].
pub trait Push<'b, B, Out>: Send + Sync {
    /// Passes the items of a batch through all stages, and leaves the batch empty.
    fn run<D: Downstream<Out>>(&self, batch: &'b mut B, out: &mut D);
}

/// One stage.
pub trait Stage<T>: Send + Sync {
    type Out;

    fn apply<D: Downstream<Self::Out>>(&self, item: T, out: &mut D);
}
