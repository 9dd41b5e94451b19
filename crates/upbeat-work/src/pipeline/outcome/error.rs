//! The error of a run.

use std::{error::Error as StdError, fmt};

use super::{cause::PipelineFailure, report::PipelineReport};

/// A pipeline that could not run to the end of its source: the cause, and what it had done by then.
pub struct PipelineError<T> {
    cause: PipelineFailure,
    report: Option<Box<PipelineReport<T>>>,
}

impl<T> PipelineError<T> {
    pub(crate) fn new(cause: PipelineFailure, report: Option<PipelineReport<T>>) -> Self {
        Self { cause, report: report.map(Box::new) }
    }

    /// Why.
    pub fn cause(&self) -> &PipelineFailure {
        &self.cause
    }

    /// What it had done by then, and what the sink had made. `None` if the sink was lost: with [`PipelineFailure::Overran`], and maybe with [`PipelineFailure::Panicked`].
    pub fn report(&self) -> Option<&PipelineReport<T>> {
        self.report.as_deref()
    }

    /// Both, taken apart.
    pub fn into_parts(self) -> (PipelineFailure, Option<PipelineReport<T>>) {
        (self.cause, self.report.map(|report| *report))
    }
}

impl<T> fmt::Display for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pipeline ended early: {}", self.cause)
    }
}

impl<T> fmt::Debug for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what the sink made: that may be large, and need not be printable.
        f.debug_struct("PipelineError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<T> StdError for PipelineError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
