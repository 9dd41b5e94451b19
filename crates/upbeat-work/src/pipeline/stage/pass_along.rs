//! Failures as items.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    account::Account,
    traits::{Downstream, Flow, Line},
};
use crate::pipeline::outcome::Failure;

/// What [`Pipeline::pass_along`](crate::Pipeline::pass_along) makes: the failures of the stages before it become items.
#[derive(Debug)]
pub struct PassAlong<L> {
    pub(crate) line: L,
    pub(crate) at: usize,
}

impl<'b, R, L: Line<'b, R>> Line<'b, R> for PassAlong<L> {
    type Out = Result<L::Out, Failure>;

    #[inline]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D) {
        self.line.run(batch, &mut Passing { at: self.at, out, of: PhantomData });
    }
}

struct Passing<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Result<T, Failure>>> Flow for Passing<'_, T, D> {
    fn fail(&mut self, error: BoxError) {
        let account = self.out.account();
        if account.stage() > self.at {
            // The panic of a stage behind, on its way down from where it was caught.
            self.out.fail(error);
        } else {
            let failure = account.failure(error);
            self.relay(failure);
        }
    }

    fn relay(&mut self, failure: Failure) {
        let account = self.out.account();
        account.pass();
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
    fn account(&mut self) -> &mut Account {
        self.out.account()
    }
}

impl<T, D: Downstream<Result<T, Failure>>> Downstream<T> for Passing<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.out.give(Ok(item));
    }
}
