//! The error of a pipeline.

use std::{error::Error as StdError, fmt};

use super::{failure::PipelineFailure, report::PipelineReport};

/// The error of a pipeline that has not run to the end of its source.
///
/// It holds the reason, and the report up to that point.
pub struct PipelineError<T> {
    cause: PipelineFailure,
    report: Option<Box<PipelineReport<T>>>,
    /// The names of the threads that did not return.
    left_behind: Box<[Box<str>]>,
}

impl<T> PipelineError<T> {
    pub(crate) fn new(cause: PipelineFailure, report: Option<PipelineReport<T>>) -> Self {
        Self { cause, report: report.map(Box::new), left_behind: Box::default() }
    }

    pub(crate) fn deadline_exceeded(left_behind: Box<[Box<str>]>) -> Self {
        Self { cause: PipelineFailure::DeadlineExceeded, report: None, left_behind }
    }

    /// Returns the reason.
    pub fn cause(&self) -> &PipelineFailure {
        &self.cause
    }

    /// Returns the report up to the failure, with the output of the sink.
    ///
    /// It is `None` if the sink was lost: after [`PipelineFailure::DeadlineExceeded`], and maybe
    /// after [`PipelineFailure::Panicked`].
    pub fn report(&self) -> Option<&PipelineReport<T>> {
        self.report.as_deref()
    }

    /// Returns the reason and the report as values.
    pub fn into_parts(self) -> (PipelineFailure, Option<PipelineReport<T>>) {
        (self.cause, self.report.map(|report| *report))
    }
}

impl<T> fmt::Display for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipeline ended early: {}", self.cause)?;
        match &*self.left_behind {
            [] => Ok(()),
            threads => write!(f, ": {}", threads.join(", ")),
        }
    }
}

impl<T> fmt::Debug for PipelineError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The output of the sink may be large, and has no `Debug` in general.
        f.debug_struct("PipelineError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<T> StdError for PipelineError<T> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
