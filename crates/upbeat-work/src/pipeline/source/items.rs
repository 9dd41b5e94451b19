//! An iterator as a source.

use std::{
    fmt,
    time::{Duration, Instant},
};

use upbeat::{BoxError, panic::Panic};

use super::traits::{Filled, Source, private::Sealed};
use crate::pipeline::{control::SourceWait, on_stack::on_stack};

/// A source that takes longer than this share of a batch's time for one item is a trickle.
const TRICKLE: u32 = 5;
/// How many items are taken between two looks at the clock: a look costs as much as ten cheap items.
const STRIDE: usize = 64;
/// How many fast items it takes for a source not to be a trickle.
const CALM: usize = 64;

/// The items of an iterator.
pub struct Items<I> {
    iter: Option<I>,
    next: u64,
    /// How large a batch may be, judged by the source alone: it doubles while the source is fast, and begins again at one when it was slow.
    allowance: usize,
    /// How many items were fast one after the other since one was slow. Only after some does the allowance grow: an item that is fast once, because it
    /// had come before it was asked for, says nothing about the next one.
    fast: usize,
    /// What `next` panicked with; told once the items before it are.
    panic: Option<Panic>,
}

impl<I> Items<I> {
    /// The same with another iterator over it.
    pub(crate) fn map<J>(self, f: impl FnOnce(I) -> J) -> Items<J> {
        Items { iter: self.iter.map(f), next: self.next, allowance: self.allowance, fast: self.fast, panic: self.panic }
    }

    pub(crate) fn new(iter: I) -> Self {
        Self { iter: Some(iter), next: 0, allowance: 1, fast: 0, panic: None }
    }
}

struct Taken {
    more: bool,
    slow: bool,
}

/// Fills a batch for as long as `patience` lasts, if the source is no trickle but not fast either.
#[inline]
fn take<I: Iterator>(iter: &mut I, batch: &mut Vec<I::Item>, most: usize, patience: Duration) -> Taken {
    let trickle = patience / TRICKLE;
    let begun = Instant::now();
    let mut looked = begun;
    let mut stride = 1;
    loop {
        let step = stride.min(most - batch.len());
        let wanted = batch.len() + step;
        batch.extend(iter.by_ref().take(step));
        if batch.len() < wanted {
            return Taken { more: false, slow: false };
        }
        let now = Instant::now();
        let slow = (now - looked).as_nanos() > trickle.as_nanos() * step as u128;
        if slow || batch.len() >= most || now - begun > patience {
            return Taken { more: true, slow };
        }
        looked = now;
        stride = (stride * 2).min(STRIDE);
    }
}

impl<I: Iterator<Item: Send> + Send> Source for Items<I> {
    type Batch = Vec<I::Item>;

    const SIZE: (usize, usize) = (1, 4096);

    fn fill(&mut self, batch: &mut Self::Batch, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        if let Some(panic) = self.panic.take() {
            return Err(panic.into());
        }
        let most = want.min(self.allowance).max(1);
        let taken = match Panic::catch(|| on_stack(&mut self.iter, |iter| take(iter, batch, most, waiting.patience())))
        {
            // The iterator is always at home here.
            Ok(taken) => taken.unwrap_or(Taken { more: false, slow: false }),
            Err(panic) if batch.is_empty() => return Err(panic.into()),
            Err(panic) => {
                self.panic = Some(panic);
                Taken { more: true, slow: false }
            }
        };
        if taken.slow {
            (self.allowance, self.fast) = (1, 0);
        } else {
            self.fast = self.fast.saturating_add(batch.len());
            if self.fast >= CALM && batch.len() >= self.allowance {
                self.allowance = self.allowance.saturating_mul(2);
            }
        }
        let first = self.next;
        let items = batch.len() as u64;
        self.next += items;
        Ok(Filled { first, items, size: batch.len(), more: taken.more, slow: taken.slow })
    }

    fn clear(batch: &mut Self::Batch) {
        batch.clear();
    }
}

impl<I> Sealed for Items<I> {}

impl<I> fmt::Debug for Items<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("taken", &self.next).finish_non_exhaustive()
    }
}
