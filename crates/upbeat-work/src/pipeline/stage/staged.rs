//! One stage behind others.

use upbeat::BoxError;

use super::{
    account::Account,
    traits::{Downstream, Flow, Line, Stage},
};
use crate::pipeline::outcome::Failure;

/// A stage behind others.
#[derive(Debug)]
pub struct Staged<L, K> {
    pub(crate) line: L,
    pub(crate) stage: K,
    pub(crate) at: usize,
}

impl<'b, R, L: Line<'b, R>, K: Stage<L::Out>> Line<'b, R> for Staged<L, K> {
    type Out = K::Out;

    #[inline]
    fn run<D: Downstream<K::Out>>(&self, batch: &'b mut R, out: &mut D) {
        self.line.run(batch, &mut Next { stage: &self.stage, at: self.at, out });
    }
}

struct Next<'a, K, D> {
    stage: &'a K,
    at: usize,
    out: &'a mut D,
}

impl<K, D: Flow> Flow for Next<'_, K, D> {
    #[inline]
    fn fail(&mut self, error: BoxError) {
        self.out.fail(error);
    }

    fn relay(&mut self, failure: Failure) {
        self.out.relay(failure);
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

impl<T, K: Stage<T>, D: Downstream<K::Out>> Downstream<T> for Next<'_, K, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.stage.apply(item, self.out);
    }
}
