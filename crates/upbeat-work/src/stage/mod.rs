//! What happens to an item between source and sink.
//!
//! Stages are fused by pushing: an item is given to the first stage, which gives what it makes of it to the next, and so on down to the batch's tray. All of it is
//! one loop after inlining, with nothing allocated and nothing sent in between.

mod account;
mod bottom;
mod head;
mod pass_along;
mod relay;
mod stages;
mod timed;

pub use account::Account;
pub(crate) use bottom::Bottom;
pub use bottom::Tray;
pub use head::{BlockHead, Head, LineHead};
pub use pass_along::PassAlong;
pub(crate) use relay::Relay;
pub use relay::{Numbered, RelayHead, Relayed};
pub use stages::{Filter, FlatMap, Inspect, Label, Map, TryMap};
pub(crate) use timed::Timed;
use upbeat::BoxError;

use crate::Failure;

/// The stages of a pipeline, fused: what makes of a batch `R` of the source a sequence of items. Sealed: made by the methods of
/// [`Pipeline`](crate::Pipeline).
///
/// Items may borrow from the batch for `'b`, as lines do. The last parameter says that `R` outlives `'b`, so that "for every `'b`" means only those that
/// make sense; without it items could not borrow anything else. (The trick is that of the crate `nougat`.)
pub trait Line<'b, R, Bound = &'b R>: Send + Sync {
    /// What the last stage gives.
    type Out;

    /// Takes a batch through all stages, and leaves it empty.
    #[doc(hidden)]
    fn run<D: Downstream<Self::Out>>(&self, batch: &'b mut R, out: &mut D);
}

/// What is below a stage.
#[doc(hidden)]
pub trait Flow {
    /// The item at hand failed, in the stage that the account names.
    fn fail(&mut self, error: BoxError);

    /// An item failed already before this section.
    fn relay(&mut self, failure: Failure);

    /// The next item of the batch, the so many-th, from 1.
    fn begin(&mut self, begun: u64);

    /// What follows is done by this stage.
    fn enter(&mut self, stage: usize);

    fn account(&mut self) -> &mut Account;
}

/// What is below a stage that gives `T`.
#[doc(hidden)]
pub trait Downstream<T>: Flow {
    fn give(&mut self, item: T);
}

/// One stage.
#[doc(hidden)]
pub trait Stage<T>: Send + Sync {
    type Out;

    fn apply<D: Downstream<Self::Out>>(&self, item: T, out: &mut D);
}

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
