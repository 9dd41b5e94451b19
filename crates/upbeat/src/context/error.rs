//! The reasons why a context is done.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{error::BoxError, run::stop::RunDone};

/// The reason why a [`Context`](crate::Context) is done. A cheap clone.
///
/// The variants are those of Go's `context`. The cause, which Go returns by `context.Cause`, is the
/// [source](StdError::source).
///
/// ```
/// use std::error::Error as _;
/// use upbeat::{Context, ContextError};
///
/// let cx = Context::background().child();
/// cx.cancel("the user went away");
/// let error = cx.error().expect("it is done");
/// assert!(matches!(error, ContextError::Canceled { .. }));
/// assert_eq!(error.to_string(), "canceled");
/// assert_eq!(error.source().expect("it has a cause").to_string(), "the user went away");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ContextError {
    /// It was canceled, or a context above it was, or its run was asked to stop.
    Canceled {
        /// The cause given to `cancel`, or the [`StopCause`](crate::report::StopCause) of the run.
        cause: Arc<dyn StdError + Send + Sync>,
    },
    /// Its deadline passed, or that of a context above it.
    DeadlineExceeded,
}

impl ContextError {
    pub(crate) fn canceled(cause: impl Into<BoxError>) -> Self {
        Self::Canceled { cause: Arc::from(cause.into()) }
    }
}

impl From<RunDone> for ContextError {
    fn from(done: RunDone) -> Self {
        match done {
            RunDone::Stopping(cause) => Self::Canceled { cause },
            RunDone::Over(over) => Self::canceled(over),
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canceled { .. } => "canceled",
            Self::DeadlineExceeded => "deadline exceeded",
        })
    }
}

impl StdError for ContextError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Canceled { cause } => Some(&**cause),
            Self::DeadlineExceeded => None,
        }
    }
}
