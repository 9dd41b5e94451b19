//! The results of tracked work.

use std::{fmt, sync::Arc, time::Duration};

use crate::{error::BoxError, report::failure::Failure};

/// The error of a tracker that accepts no more work, because it was asked to stop.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{name}` rejected: the tracker is closed")]
pub struct TrackerClosed {
    pub(super) name: Arc<str>,
}

impl TrackerClosed {
    /// Returns the name of the rejected work.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A summary of accepted work, from [`Tracker::shutdown`](crate::task::Tracker::shutdown).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tracked {
    /// The amount of work that ended, including failed work.
    pub finished: u64,
    /// The amount of that work that failed.
    pub failed: u64,
    /// The failures: the first one, and the last fifteen.
    pub failures: Vec<Failure>,
    /// The aborted work: its name, and the time since it was accepted.
    pub lost: Vec<(Arc<str>, Duration)>,
}

impl fmt::Display for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished", self.finished)?;
        if self.failed > 0 {
            write!(f, " ({} of them failed)", self.failed)?;
        }
        write!(f, ", {} lost", self.lost.len())
    }
}

/// The error of a tracker some of whose work failed.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} failed, last: {last}")]
pub struct TrackedFailed {
    pub(super) failed: u64,
    pub(super) all: u64,
    pub(super) last: Failure,
}

/// The output of tracked work: `()`, or a `Result` whose error is kept. Sealed.
pub trait TrackedOutput: sealed::Output {}

impl TrackedOutput for () {}

impl<E: Into<BoxError>> TrackedOutput for Result<(), E> {}

pub(super) mod sealed {
    use crate::error::BoxError;

    pub trait Output {
        /// Returns the error, if there is one.
        fn into_error(self) -> Option<BoxError>;
    }

    impl Output for () {
        fn into_error(self) -> Option<BoxError> {
            None
        }
    }

    impl<E: Into<BoxError>> Output for Result<(), E> {
        fn into_error(self) -> Option<BoxError> {
            self.err().map(Into::into)
        }
    }
}
