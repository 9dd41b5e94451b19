//! An iterator as a source.

use std::{
    fmt,
    time::{Duration, Instant},
};

use upbeat::{BoxError, panic::Panic};

use super::traits::{Feed, Filled, Source};
use crate::pipeline::{control::SourceWait, on_stack::on_stack};

/// A source is slow if an item takes longer than this share of a batch's time, as a divisor.
const SLOW: u32 = 5;
/// The number of items between two reads of the clock. One read costs as much as ten cheap items.
const STRIDE: usize = 64;
/// The number of fast items in a row after which a source is no longer taken for slow.
const FAST: usize = 64;

/// The source of [`Pipeline::from_iter`](crate::Pipeline::from_iter).
pub struct Items<I> {
    iter: Option<I>,
    next: u64,
    /// The bound on the size of a batch that follows from the speed of the source.
    ///
    /// It doubles while the source is fast, and starts again at one when the source was slow.
    allowance: usize,
    /// The number of fast items in a row since a slow one.
    ///
    /// The allowance grows only after some: a single item may be fast because it was there before
    /// the call, and says nothing about the next one.
    fast: usize,
    /// A panic of the iterator, which is returned after the items before it.
    panic: Option<Panic>,
}

impl<I> Items<I> {
    /// Replaces the iterator by another one around it.
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

/// Fills a batch, for at most `batch_time` if the source is neither slow nor fast.
#[inline]
fn take<I: Iterator>(iter: &mut I, batch: &mut Vec<I::Item>, max: usize, batch_time: Duration) -> Taken {
    let slow_item = batch_time / SLOW;
    let begun = Instant::now();
    let mut before = begun;
    let mut stride = 1;
    loop {
        let step = stride.min(max - batch.len());
        let wanted = batch.len() + step;
        batch.extend(iter.by_ref().take(step));
        if batch.len() < wanted {
            return Taken { more: false, slow: false };
        }
        let now = Instant::now();
        let slow = (now - before).as_nanos() > slow_item.as_nanos() * step as u128;
        if slow || batch.len() >= max || now - begun > batch_time {
            return Taken { more: true, slow };
        }
        before = now;
        stride = (stride * 2).min(STRIDE);
    }
}

impl<I: Iterator<Item: Send> + Send> Source for Items<I> {
    type Batch = Vec<I::Item>;
}

impl<I: Iterator<Item: Send> + Send> Feed<Vec<I::Item>> for Items<I> {
    const SIZE: (usize, usize) = (1, 4096);

    fn fill(&mut self, batch: &mut Vec<I::Item>, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError> {
        if let Some(panic) = self.panic.take() {
            return Err(panic.into());
        }
        let max = want.min(self.allowance).max(1);
        let taken = match Panic::catch(|| on_stack(&mut self.iter, |iter| take(iter, batch, max, waiting.batch_time())))
        {
            // The iterator was put back by each call before.
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
            if self.fast >= FAST && batch.len() >= self.allowance {
                self.allowance = self.allowance.saturating_mul(2);
            }
        }
        Ok(Filled::of_items(&mut self.next, batch, taken.more, taken.slow))
    }

    fn clear(batch: &mut Vec<I::Item>) {
        batch.clear();
    }
}

impl<I> fmt::Debug for Items<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("taken", &self.next).finish_non_exhaustive()
    }
}
