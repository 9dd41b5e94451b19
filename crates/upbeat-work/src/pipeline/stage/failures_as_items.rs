//! Failures as items.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    cursor::Cursor,
    traits::{Downstream, Flow, StageChain},
};
use crate::pipeline::outcome::ItemFailure;

/// What [`Pipeline::failures_as_items`](crate::Pipeline::failures_as_items) makes: the failures of the stages before it become items.
#[derive(Debug)]
pub struct FailuresAsItems<L> {
    pub(crate) line: L,
    pub(crate) at: usize,
}

impl<'b, R, L: StageChain<'b, R>> StageChain<'b, R> for FailuresAsItems<L> {
    type Out = Result<L::Out, ItemFailure>;

    #[inline]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D) {
        self.line.run(batch, &mut AsItems { at: self.at, out, of: PhantomData });
    }
}

struct AsItems<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Result<T, ItemFailure>>> Flow for AsItems<'_, T, D> {
    fn fail(&mut self, error: BoxError) {
        let cursor = self.out.cursor();
        if cursor.stage() > self.at {
            // The panic of a stage behind, on its way down from where it was caught.
            self.out.fail(error);
        } else {
            let failure = cursor.failure(error);
            self.relay(failure);
        }
    }

    fn relay(&mut self, failure: ItemFailure) {
        let cursor = self.out.cursor();
        cursor.pass();
        self.out.enter(self.at);
        self.out.give(Err(failure));
    }

    #[inline]
    fn begin(&mut self, begun: u64) {
        self.out.begin(begun);
    }

    #[inline]
    fn enter(&mut self, stage: usize) {
        self.out.enter(stage);
    }

    #[inline]
    fn cursor(&mut self) -> &mut Cursor {
        self.out.cursor()
    }
}

impl<T, D: Downstream<Result<T, ItemFailure>>> Downstream<T> for AsItems<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.out.give(Ok(item));
    }
}
