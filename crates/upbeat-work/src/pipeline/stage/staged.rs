//! One stage behind others.

use upbeat::BoxError;

use super::{
    cursor::Cursor,
    traits::{Downstream, Flow, Stage, StageChain},
};
use crate::pipeline::outcome::ItemFailure;

/// A stage behind others.
#[derive(Debug)]
pub struct Staged<L, K> {
    pub(crate) line: L,
    pub(crate) stage: K,
    pub(crate) at: usize,
}

impl<'b, R, L: StageChain<'b, R>, K: Stage<L::Out>> StageChain<'b, R> for Staged<L, K> {
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

    fn relay(&mut self, failure: ItemFailure) {
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
    fn cursor(&mut self) -> &mut Cursor {
        self.out.cursor()
    }
}

impl<T, K: Stage<T>, D: Downstream<K::Out>> Downstream<T> for Next<'_, K, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.stage.apply(item, self.out);
    }
}
