//! Sections of a pipeline without their types.

use std::{io, sync::Arc};

use crate::pipeline::outcome::PipelineFailure;

/// A section of a pipeline that runs on its own workers.
pub trait RunSection: Send + Sync {
    /// Returns how many workers there are to be.
    fn workers(&self) -> usize;

    /// Runs one worker to its end. The last worker closes the buffers on both sides.
    fn work(&self);

    /// Ends the section because there is no thread for any of its workers.
    fn refuse(&self, error: io::Error);

    /// Returns the outcome, once all workers have ended.
    fn outcome(&self) -> SectionOutcome;
}

/// Sections from front to back.
pub(crate) type Sections<'a> = Vec<Arc<dyn RunSection + 'a>>;

/// The outcome of a section.
#[derive(Debug)]
pub struct SectionOutcome {
    pub(crate) cause: Option<PipelineFailure>,
    /// The items taken from the source.
    pub(crate) taken: u64,
    pub(crate) dropped: u64,
    /// Whether there was a stop before the end of the source.
    pub(crate) stopped: bool,
}
