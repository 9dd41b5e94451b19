//! Both sides of a joint: items leave one section with what is known of them, and enter the next.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    cursor::Cursor,
    first::each,
    traits::{Downstream, Flow, StageChain},
};
use crate::pipeline::{
    batch::{Forwarded, Numbered},
    outcome::ItemFailure,
};

/// The last of a section's stages.
#[derive(Debug)]
pub(crate) struct Forward<L> {
    pub(crate) line: L,
    pub(crate) at: usize,
}

impl<'b, R, L: StageChain<'b, R>> StageChain<'b, R> for Forward<L> {
    type Out = Forwarded<L::Out>;

    #[inline]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D) {
        self.line.run(batch, &mut Forwarding { at: self.at, out, of: PhantomData });
    }
}

struct Forwarding<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Forwarded<T>>> Flow for Forwarding<'_, T, D> {
    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.out.cursor().failure(error);
        self.relay(failure);
    }

    fn relay(&mut self, failure: ItemFailure) {
        self.out.give(Err(Box::new(failure)));
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

impl<T, D: Downstream<Forwarded<T>>> Downstream<T> for Forwarding<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        let cursor = self.out.cursor();
        let (number, context) = (cursor.item(), cursor.context());
        self.out.give(Ok(Numbered { item, number, context }));
    }
}

/// The first of the next section.
#[derive(Debug)]
pub struct FirstForwardStage;

impl<'b, T> StageChain<'b, Vec<Forwarded<T>>> for FirstForwardStage {
    type Out = T;

    #[inline]
    fn run<D: Downstream<T>>(&self, batch: &'b mut Vec<Forwarded<T>>, out: &mut D) {
        each(batch.drain(..), out, |relayed, out| match relayed {
            Ok(Numbered { item, number, context }) => {
                out.cursor().resume(number, context);
                out.give(item);
            }
            Err(failure) => {
                out.cursor().resume(failure.item(), None);
                out.relay(*failure);
            }
        });
    }
}
