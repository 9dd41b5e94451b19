//! Both sides of the buffer between two sections.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    first::each,
    flow::{Downstream, Flow},
    traits::{Push, StageChain},
};
use crate::pipeline::{
    batch::{Forwarded, Numbered},
    outcome::ItemFailure,
};

/// The last stage of a section before others: it adds the number and the context to each item.
#[derive(Debug)]
pub(crate) struct Forward<L> {
    pub(crate) chain: L,
    pub(crate) at: usize,
}

impl<'b, B, L: StageChain<'b, B>> StageChain<'b, B> for Forward<L> {
    type Out = Forwarded<L::Out>;
}

impl<'b, B, L: StageChain<'b, B>> Push<'b, B, Forwarded<L::Out>> for Forward<L> {
    #[inline]
    fn run<D: Downstream<Forwarded<L::Out>>>(&self, batch: &'b mut B, out: &mut D) {
        self.chain.run(batch, &mut Forwarding { at: self.at, out, of: PhantomData });
    }
}

struct Forwarding<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Forwarded<T>>> Flow for Forwarding<'_, T, D> {
    type Below = D;

    #[inline]
    fn below(&mut self) -> &mut D {
        self.out
    }

    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.out.cursor().failure(error);
        self.forward(failure);
    }

    fn forward(&mut self, failure: ItemFailure) {
        self.out.give(Err(Box::new(failure)));
    }
}

impl<T, D: Downstream<Forwarded<T>>> Downstream<T> for Forwarding<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        let cursor = self.out.cursor();
        let (number, context) = (cursor.item(), cursor.context());
        self.out.give(Ok(Numbered { item, number, context }));
    }
}

/// The first stage of a section behind others.
#[derive(Debug)]
pub struct FirstForwardStage;

impl<T> StageChain<'_, Vec<Forwarded<T>>> for FirstForwardStage {
    type Out = T;
}

impl<'b, T> Push<'b, Vec<Forwarded<T>>, T> for FirstForwardStage {
    #[inline]
    fn run<D: Downstream<T>>(&self, batch: &'b mut Vec<Forwarded<T>>, out: &mut D) {
        each(batch.drain(..), out, |forwarded, out| match forwarded {
            Ok(Numbered { item, number, context }) => {
                out.cursor().resume(number, context);
                out.give(item);
            }
            Err(failure) => {
                out.cursor().resume(failure.item(), None);
                out.forward(*failure);
            }
        });
    }
}
