//! Errors of pools and of jobs.

use std::{fmt, sync::Arc};

use upbeat::{BoxError, panic::Panic};

use crate::pool::queue::outcome::JobOutcome;

/// The reason why an accepted job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job panicked. No other job is affected: its worker has built its state again before the
    /// next one.
    #[error("job {0}")]
    Panicked(Panic),
    /// The pool ended before the job did: at its deadline, or because no worker was left.
    #[error("job lost: pool ended before the job {}", if *begun { "finished" } else { "began" })]
    Lost {
        /// `true` if the job had begun.
        begun: bool,
    },
    /// The pool accepted no more jobs. Only [`submit_all`](super::super::Pool::submit_all) returns
    /// this error, as its last item.
    #[error("job not accepted: pool closed")]
    Refused,
}

impl JobError {
    /// Returns whether the job panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Returns whether the job was lost because the pool ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

impl<R> From<JobOutcome<R>> for Result<R, JobError> {
    fn from(outcome: JobOutcome<R>) -> Self {
        match outcome {
            JobOutcome::Finished(reply) => Ok(reply),
            JobOutcome::Panicked(panic) => Err(JobError::Panicked(*panic)),
            JobOutcome::Lost { begun } => Err(JobError::Lost { begun }),
            JobOutcome::Refused => Err(JobError::Refused),
        }
    }
}

/// The error of a submission to a pool that is closed: it was stopped, or it failed. It contains
/// the job.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("job not accepted: pool closed")]
pub struct PoolClosed<J>(pub J);

impl<J> fmt::Debug for PoolClosed<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PoolClosed").finish_non_exhaustive()
    }
}

/// The error of a submission that does not wait. It contains the job.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySubmitError<J> {
    /// The queue is full.
    #[error("job not accepted: queue full")]
    Busy(J),
    /// The pool accepts no more jobs.
    #[error("job not accepted: pool closed")]
    Closed(J),
}

impl<J> TrySubmitError<J> {
    /// Returns the job that was not accepted.
    pub fn into_job(self) -> J {
        match self {
            Self::Busy(job) | Self::Closed(job) => job,
        }
    }

    /// Returns whether the queue was full.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl<J> fmt::Debug for TrySubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_busy() { "Busy(..)" } else { "Closed(..)" })
    }
}

/// The error of a pool as a player: the state of a worker could not be built.
#[derive(Debug, thiserror::Error)]
#[error("pool `{pool}` failed: no worker state after {attempts} attempts")]
pub struct PoolFailed {
    pub(super) pool: Arc<str>,
    pub(super) attempts: u32,
    #[source]
    pub(super) error: Arc<BoxError>,
}
