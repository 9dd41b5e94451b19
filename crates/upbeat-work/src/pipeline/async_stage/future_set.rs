//! The futures of an asynchronous stage.

use futures_util::{
    StreamExt as _,
    stream::{FuturesOrdered, FuturesUnordered},
};

/// The futures in flight.
pub(super) enum FutureSet<F: Future> {
    Ordered(FuturesOrdered<F>),
    Unordered(FuturesUnordered<F>),
}

impl<F: Future> FutureSet<F> {
    pub(super) fn new(ordered: bool) -> Self {
        if ordered { Self::Ordered(FuturesOrdered::new()) } else { Self::Unordered(FuturesUnordered::new()) }
    }

    pub(super) fn push(&mut self, future: F) {
        match self {
            Self::Ordered(set) => set.push_back(future),
            Self::Unordered(set) => set.push(future),
        }
    }

    /// Returns the number of futures, including finished ones that have not come out.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ordered(set) => set.len(),
            Self::Unordered(set) => set.len(),
        }
    }

    /// Returns the output of the next future to come out, or `None` if there are no futures.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        match self {
            Self::Ordered(set) => set.next().await,
            Self::Unordered(set) => set.next().await,
        }
    }
}
