//! Contents of the buffers between sections.

use std::{fmt, sync::Arc};

use crate::pipeline::outcome::{ItemContext, ItemFailure};

/// An item or a failure on its way to the next section.
///
/// Failures are forwarded too, so that they reach the sink in the order of their items.
pub(crate) type Forwarded<T> = Result<Numbered<T>, Box<ItemFailure>>;

/// An item with the number and the context of its item of the source.
pub struct Numbered<T> {
    pub(crate) item: T,
    pub(crate) number: u64,
    pub(crate) context: Option<Arc<dyn ItemContext>>,
}

impl<T> fmt::Debug for Numbered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbered").field("number", &self.number).finish_non_exhaustive()
    }
}
