//! What a source is.

use std::sync::Arc;

use upbeat::BoxError;

use crate::pipeline::control::{Sections, SourceWait};

/// Where the items of a pipeline come from. Sealed: made by the constructors of [`Pipeline`](crate::Pipeline).
pub trait Source: Send + private::Sealed {
    /// The memory of a batch, which is filled again and again.
    #[doc(hidden)]
    type Batch: Default + Send;

    /// How large a batch is at first, and how large it may become, in items or bytes.
    #[doc(hidden)]
    const SIZE: (usize, usize);

    /// Fills an empty batch with about `want` items or bytes; less when there is no more at hand, and nothing when waiting for it is futile.
    ///
    /// # Errors
    ///
    /// When there will be nothing more because of it. Then the batch is empty: what came before an error was returned before it.
    #[doc(hidden)]
    fn fill(&mut self, batch: &mut Self::Batch, want: usize, waiting: &SourceWait) -> Result<Filled, BoxError>;

    /// It is to stop: it accepts nothing more from whoever feeds it. Returns whether what it has accepted is still to be asked for.
    #[doc(hidden)]
    fn close(&mut self) -> bool {
        false
    }

    /// Nobody asks for anything more. How many items it had accepted that now are lost.
    #[doc(hidden)]
    fn lost(&mut self) -> u64 {
        0
    }

    /// The sections in front, which run beside the one that asks.
    #[doc(hidden)]
    fn take_sections<'s>(&mut self) -> Sections<'s>
    where
        Self: 's,
    {
        Vec::new()
    }

    /// Names the stage in front, if there is one that is asked here.
    #[doc(hidden)]
    fn name(&mut self, _name: Arc<str>) {}

    /// Empties a batch, and keeps its memory.
    #[doc(hidden)]
    fn clear(batch: &mut Self::Batch);
}

/// What a call of [`Source::fill`] brought.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Filled {
    /// The number of the first item.
    pub first: u64,
    /// How many items there are.
    pub items: u64,
    /// How much of what was wanted, in the same unit.
    pub size: usize,
    /// Whether there may be more.
    pub more: bool,
    /// Whether the source had to be waited for.
    pub slow: bool,
}

/// What a source says that gives what is there.
pub(super) fn filled<T>(next: &mut u64, batch: &[T], want: usize, more: bool) -> Filled {
    let first = *next;
    let items = batch.len() as u64;
    *next += items;
    Filled { first, items, size: batch.len(), more, slow: batch.len() < want }
}

pub(crate) mod private {
    /// Nobody else implements a source: how it is asked will change when asynchronous ones come.
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Sealed {}
}
