//! A stage behind other stages.

use super::{
    flow::{Downstream, Flow},
    traits::{Push, Stage, StageChain},
};

/// A chain of stages with one more stage behind it.
#[derive(Debug)]
pub struct Staged<L, K> {
    pub(crate) chain: L,
    pub(crate) stage: K,
    pub(crate) at: usize,
}

impl<'b, B, L: StageChain<'b, B>, K: Stage<L::Out>> StageChain<'b, B> for Staged<L, K> {
    type Out = K::Out;
}

impl<'b, B, L: StageChain<'b, B>, K: Stage<L::Out>> Push<'b, B, K::Out> for Staged<L, K> {
    #[inline]
    fn run<D: Downstream<K::Out>>(&self, batch: &'b mut B, out: &mut D) {
        self.chain.run(batch, &mut Next { stage: &self.stage, at: self.at, out });
    }
}

struct Next<'a, K, D> {
    stage: &'a K,
    at: usize,
    out: &'a mut D,
}

impl<K, D: Flow> Flow for Next<'_, K, D> {
    type Below = D;

    #[inline]
    fn below(&mut self) -> &mut D {
        self.out
    }
}

impl<T, K: Stage<T>, D: Downstream<K::Out>> Downstream<T> for Next<'_, K, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        self.stage.apply(item, self.out);
    }
}
