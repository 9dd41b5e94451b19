//! The sections of a pipeline before its last, without their types.

use std::{io, sync::Arc};

use crate::pipeline::outcome::PipelineFailure;

/// A section with workers of its own, whose items go to the section behind it.
#[doc(hidden)]
pub trait RunSection: Send + Sync {
    fn workers(&self) -> usize;

    /// What each worker does, until there is nothing left for it. The last one to leave closes the joints on both sides.
    fn work(&self);

    /// There is no thread for any of its workers.
    fn refuse(&self, error: io::Error);

    /// What came of it, once no worker is left.
    fn outcome(&self) -> SectionOutcome;
}

/// From front to back.
pub(crate) type Sections<'a> = Vec<Arc<dyn RunSection + 'a>>;

/// What came of a section.
#[derive(Debug)]
#[doc(hidden)]
pub struct SectionOutcome {
    pub(crate) cause: Option<PipelineFailure>,
    /// How many items its source gave.
    pub(crate) taken: u64,
    pub(crate) dropped: u64,
    /// Whether it was asked to stop before its source's end.
    pub(crate) stopped: bool,
}
