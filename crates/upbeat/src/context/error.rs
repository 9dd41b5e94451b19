//! Why a context is done.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::error::BoxError;

/// Why a [`Context`](crate::Context) is done: whatever came first. A cheap clone.
///
/// The two are those of Go's `context`: `Canceled` and `DeadlineExceeded`. The cause is what Go's `context.Cause` tells, here as the
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
    /// It was cancelled, or what it belongs to was: a context above it, or its run.
    Canceled {
        /// What it was cancelled with: of a run that was asked to stop its [`StopCause`](crate::report::StopCause).
        cause: Arc<dyn StdError + Send + Sync>,
    },
    /// Its deadline passed, or one of those above it.
    DeadlineExceeded,
}

impl ContextError {
    pub(crate) fn canceled(cause: impl Into<BoxError>) -> Self {
        Self::Canceled { cause: Arc::from(cause.into()) }
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
