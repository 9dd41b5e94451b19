//! The traits of sources.

use std::sync::Arc;

use upbeat::BoxError;

use crate::pipeline::control::{Sections, SourceWait};

/// The source of a pipeline.
///
/// Sealed: the constructors of [`Pipeline`](crate::Pipeline) make the implementors. It names the
/// types of functions that return a pipeline.
pub trait Source: Feed<<Self as Source>::Batch> {
    /// The memory of a batch, which is used again and again.
    type Batch: Default + Send;
}

/// The sealed part of a [`Source`].
pub trait Feed<B>: Send {
    /// The size of the first batch, and the bound on the size of a batch, in items or bytes.
    const SIZE: (usize, usize);

    /// Fills an empty batch with about `want` items or bytes.
    ///
    /// The batch gets less if no more is at hand, and nothing if the waiting for it was ended.
    ///
    /// # Errors
    ///
    /// If the source has failed and gives nothing more. Then the batch is empty: items before an
    /// error are returned before it.
    fn fill(&mut self, batch: &mut B, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError>;

    /// Accepts nothing more, because of a stop. Returns whether accepted items are still to be
    /// taken.
    fn close(&mut self) -> bool {
        false
    }

    /// Drops the accepted items at the end, and returns their number.
    fn lost(&mut self) -> u64 {
        0
    }

    /// Returns the sections in front, which run beside the section of this source.
    fn take_sections<'s>(&mut self) -> Sections<'s>
    where
        Self: 's,
    {
        Vec::new()
    }

    /// Names the stage in front, if its section has only one.
    fn name(&mut self, _name: Arc<str>) {}

    /// Empties a batch, and keeps its memory.
    fn clear(batch: &mut B);
}

/// The result of [`Feed::fill`].
#[derive(Clone, Copy, Debug)]
pub struct Filled {
    /// The number of the first item.
    pub(crate) first: u64,
    /// The number of items.
    pub(crate) items: u64,
    /// The size of the batch, in the unit of `want`.
    pub(crate) size: usize,
    /// Whether more may follow.
    pub(crate) more: bool,
    /// Whether the source was slower than the pipeline.
    pub(crate) slow: bool,
}

impl Filled {
    /// Describes a batch of items, where `next` is the number of its first item, and becomes that
    /// of the next batch.
    pub(super) fn of_items<T>(next: &mut u64, batch: &[T], more: bool, slow: bool) -> Self {
        let first = *next;
        let items = batch.len() as u64;
        *next += items;
        Self { first, items, size: batch.len(), more, slow }
    }
}
