//! What goes from one section to the next.

use std::{fmt, sync::Arc};

use crate::pipeline::outcome::{ItemContext, ItemFailure};

/// What goes through a joint. Failures do too, so that they come to the sink in their places.
#[doc(hidden)]
pub(crate) type Forwarded<T> = Result<Numbered<T>, Box<ItemFailure>>;

/// An item, and of which item of the source it is.
#[doc(hidden)]
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
