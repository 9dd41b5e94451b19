//! What becomes of an item that fails.

use std::{any::Any, error::Error as StdError, fmt, sync::Arc};

use upbeat::{BoxError, panic::Panic};

/// One item of a pipeline that failed: in which stage, which item, and why. A panic is a failure like another.
///
/// Its text has everything but the cause, which is its [`source`](StdError::source), as usual.
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

    /// The stage: the name it was [given](crate::Pipeline::name), or what it is and where it was added, such as `try_map at src/main.rs:12`.
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// Which item of the source it was, from 0. For lines it is the number of the line, for blocks that of the block's first line, both from 0; for a
    /// failure of the sink it is how many items the sink had got before.
    pub fn item(&self) -> u64 {
        self.item
    }

    /// What the item says of itself, as [`Pipeline::context`](crate::Pipeline::context) was told.
    pub fn context(&self) -> Option<&(dyn fmt::Display + Send + Sync)> {
        Some(self.context.as_ref()?.shown())
    }

    /// The error; a [`Panic`] if the stage panicked.
    pub fn error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.error
    }

    /// The panic, if it was one.
    pub fn panic(&self) -> Option<&Panic> {
        self.error.downcast_ref()
    }

    /// The error itself.
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

/// What an item says of itself. Implemented for whatever can be shown.
pub(crate) trait ItemContext: Any + Send + Sync {
    fn shown(&self) -> &(dyn fmt::Display + Send + Sync);
}

impl<C: fmt::Display + Send + Sync + 'static> ItemContext for C {
    fn shown(&self) -> &(dyn fmt::Display + Send + Sync) {
        self
    }
}
