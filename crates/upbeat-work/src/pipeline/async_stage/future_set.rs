//! Futures that are under way together.

use futures_util::{
    StreamExt as _,
    stream::{FuturesOrdered, FuturesUnordered},
};

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

    /// How many there are, those included that are finished and have not come out.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ordered(set) => set.len(),
            Self::Unordered(set) => set.len(),
        }
    }

    /// The next that is finished; `None` if there are none.
    pub(super) async fn next(&mut self) -> Option<F::Output> {
        match self {
            Self::Ordered(set) => set.next().await,
            Self::Unordered(set) => set.next().await,
        }
    }
}
