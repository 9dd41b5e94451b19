//! Failures as items.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    flow::{Downstream, Flow},
    traits::{Push, StageChain},
};
use crate::pipeline::outcome::ItemFailure;

/// The stage of [`Pipeline::failures_as_items`](crate::Pipeline::failures_as_items).
#[derive(Debug)]
pub struct FailuresAsItems<L> {
    pub(crate) chain: L,
    pub(crate) at: usize,
}

impl<'b, B, L: StageChain<'b, B>> StageChain<'b, B> for FailuresAsItems<L> {
    type Out = Result<L::Out, ItemFailure>;
}

impl<'b, B, L: StageChain<'b, B>> Push<'b, B, Result<L::Out, ItemFailure>> for FailuresAsItems<L> {
    #[inline]
    fn run<D: Downstream<Result<L::Out, ItemFailure>>>(&self, batch: &'b mut B, out: &mut D) {
        self.chain.run(batch, &mut AsItems { at: self.at, out, of: PhantomData });
    }
}

struct AsItems<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Result<T, ItemFailure>>> Flow for AsItems<'_, T, D> {
    type Below = D;

    #[inline]
    fn below(&mut self) -> &mut D {
        self.out
    }

    fn fail(&mut self, error: BoxError) {
        let cursor = self.out.cursor();
        if cursor.stage() > self.at {
            // The panic of a stage behind, which was caught above and passes through here.
            self.out.fail(error);
        } else {
            let failure = cursor.failure(error);
            self.forward(failure);
        }
    }

    fn forward(&mut self, failure: ItemFailure) {
        self.out.cursor().count_failure_as_item();
        self.out.enter(self.at);
        self.out.give(Err(failure));
    }
}

impl<T, D: Downstream<Result<T, ItemFailure>>> Downstream<T> for AsItems<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.out.give(Ok(item));
    }
}
