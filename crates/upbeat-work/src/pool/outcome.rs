//! What becomes of jobs, and of submissions that are not accepted.

use std::fmt;

use upbeat::panic::Panic;

/// Why an accepted job has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The job panicked. It concerns this job only: the worker has built its state anew before its next one.
    #[error("the job {0}")]
    Panicked(Panic),
    /// The pool ended before the job did: at its deadline, or because no worker was left.
    #[error("the job was lost: its pool ended {}", if *begun { "before it was done" } else { "before it began" })]
    Lost {
        /// Whether the job had begun.
        begun: bool,
    },
    /// The pool took no more jobs when this one was to be submitted. Only [`submit_all`](super::Pool::submit_all) says it this way, and once.
    #[error("the job was not accepted: the pool is closed")]
    Refused,
}

impl JobError {
    /// Whether the job panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Whether the job was lost because the pool ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}

/// The same inside the pool, where the rare case should not make every reply large.
pub(super) enum Outcome<R> {
    Done(R),
    Panicked(Box<Panic>),
    Lost { begun: bool },
    Refused,
}

impl<R> Outcome<R> {
    pub(super) fn into_result(self) -> Result<R, JobError> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Panicked(panic) => Err(JobError::Panicked(*panic)),
            Self::Lost { begun } => Err(JobError::Lost { begun }),
            Self::Refused => Err(JobError::Refused),
        }
    }
}

/// Drops what belongs to users on a worker or in a shutdown, where a panic of the drop must not take others with it.
pub(super) fn discard<T>(unwanted: T) {
    if let Err(panic) = Panic::catch(|| drop(unwanted)) {
        tracing::error!("dropping a job or its result {panic}");
    }
}

/// The pool takes no more jobs: it was told to stop, or it failed. The job comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job was not accepted: the pool is closed")]
pub struct Closed<J>(pub J);

impl<J> fmt::Debug for Closed<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Closed").finish_non_exhaustive()
    }
}

/// A job was not accepted at once, and comes back.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySubmitError<J> {
    /// There is no room in the queue.
    #[error("the job was not accepted: the queue is full")]
    Busy(J),
    /// The pool takes no more jobs.
    #[error("the job was not accepted: the pool is closed")]
    Closed(J),
}

impl<J> TrySubmitError<J> {
    /// The job that was not accepted.
    pub fn into_job(self) -> J {
        match self {
            Self::Busy(job) | Self::Closed(job) => job,
        }
    }

    /// Whether it would have been accepted if there were room.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

impl<J> fmt::Debug for TrySubmitError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_busy() { "Busy(..)" } else { "Closed(..)" })
    }
}
