//! Failures of single items.

use std::{any::Any, error::Error as StdError, fmt, sync::Arc};

use upbeat::{BoxError, panic::Panic};

/// The failure of one item of a pipeline: its stage, its number, and its error.
///
/// A panic is a failure like any other. `Display` leaves out the error, which is the
/// [`source`](StdError::source).
pub struct ItemFailure {
    stage: Arc<str>,
    item: u64,
    context: Option<Arc<dyn ItemContext>>,
    error: BoxError,
}

impl ItemFailure {
    pub(crate) fn new(stage: Arc<str>, item: u64, context: Option<Arc<dyn ItemContext>>, error: BoxError) -> Self {
        Self { stage, item, context, error }
    }

    /// Returns the name of the stage.
    ///
    /// It is the name [given](crate::Pipeline::name) to the stage, or else its kind and the place
    /// where it was added, such as `try_map at src/main.rs:12`.
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// Returns the number of the item in the source, from 0.
    ///
    /// For lines it is the number of the line, and for blocks that of the block's first line. For a
    /// failure of the sink it is the number of items that the sink had received before.
    pub fn item(&self) -> u64 {
        self.item
    }

    /// Returns the value that [`Pipeline::context`](crate::Pipeline::context) has kept of the item.
    pub fn context(&self) -> Option<&(dyn fmt::Display + Send + Sync)> {
        Some(self.context.as_ref()?.as_display())
    }

    /// Returns the error. It is a [`Panic`] if the stage panicked.
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.error
    }

    /// Returns the panic, if the stage panicked.
    pub fn panic(&self) -> Option<&Panic> {
        self.error.downcast_ref()
    }

    /// Returns the error as a value.
    pub fn into_error(self) -> BoxError {
        self.error
    }
}

impl fmt::Display for ItemFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {} failed in {}", self.item, self.stage)?;
        match self.context() {
            Some(context) => write!(f, " ({context})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ItemFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}: {}", self.error)
    }
}

impl StdError for ItemFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.error)
    }
}

/// A value that describes an item. Implemented for all values that can be displayed.
pub(crate) trait ItemContext: Any + Send + Sync {
    fn as_display(&self) -> &(dyn fmt::Display + Send + Sync);
}

impl<C: fmt::Display + Send + Sync + 'static> ItemContext for C {
    fn as_display(&self) -> &(dyn fmt::Display + Send + Sync) {
        self
    }
}
