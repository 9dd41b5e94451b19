//! Both sides of a joint: items leave one section with what is known of them, and enter the next.

use std::marker::PhantomData;

use upbeat::BoxError;

use super::{
    account::Account,
    head::each,
    traits::{Downstream, Flow, Line},
};
use crate::pipeline::{
    batch::{Numbered, Relayed},
    outcome::Failure,
};

/// The last of a section's stages.
#[derive(Debug)]
pub(crate) struct Relay<L> {
    pub(crate) line: L,
    pub(crate) at: usize,
}

impl<'b, R, L: Line<'b, R>> Line<'b, R> for Relay<L> {
    type Out = Relayed<L::Out>;

    #[inline]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D) {
        self.line.run(batch, &mut Relaying { at: self.at, out, of: PhantomData });
    }
}

struct Relaying<'a, T, D> {
    at: usize,
    out: &'a mut D,
    of: PhantomData<fn(T)>,
}

impl<T, D: Downstream<Relayed<T>>> Flow for Relaying<'_, T, D> {
    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.out.account().failure(error);
        self.relay(failure);
    }

    fn relay(&mut self, failure: Failure) {
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
    fn account(&mut self) -> &mut Account {
        self.out.account()
    }
}

impl<T, D: Downstream<Relayed<T>>> Downstream<T> for Relaying<'_, T, D> {
    #[inline]
    fn give(&mut self, item: T) {
        self.out.enter(self.at);
        let account = self.out.account();
        let (number, context) = (account.item(), account.context());
        self.out.give(Ok(Numbered { item, number, context }));
    }
}

/// The first of the next section.
#[derive(Debug)]
pub struct RelayHead;

impl<'b, T> Line<'b, Vec<Relayed<T>>> for RelayHead {
    type Out = T;

    #[inline]
    fn run<D: Downstream<T>>(&self, batch: &'b mut Vec<Relayed<T>>, out: &mut D) {
        each(batch.drain(..), out, |relayed, out| match relayed {
            Ok(Numbered { item, number, context }) => {
                out.account().resume(number, context);
                out.give(item);
            }
            Err(failure) => {
                out.account().resume(failure.item(), None);
                out.relay(*failure);
            }
        });
    }
}
