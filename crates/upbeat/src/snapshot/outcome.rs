//! The outcome of a player.

use std::{fmt, sync::Arc};

/// The end of a player.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// A job finished.
    Completed,
    /// It stopped on request.
    Stopped,
    /// A service returned before it was asked to stop.
    FinishedEarly,
    /// It failed or panicked, perhaps while stopping.
    Failed,
    /// It was not ready in time.
    NotReady,
    /// It missed its heartbeat: [`Part::watchdog`](crate::Part::watchdog).
    Unresponsive,
    /// It did not stop in time and was aborted.
    Overran,
    /// It was aborted together with all others.
    Aborted,
    /// It was aborted and is still there: it does not yield, or blocks its thread.
    Leaked,
    /// It was never started.
    NeverStarted {
        /// The path of the dependency that kept it from starting. `None` if the stop came first.
        because: Option<Arc<str>>,
    },
}

impl Outcome {
    /// Returns whether the player ended as intended.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::NeverStarted { because: None })
    }

    /// Returns its name in reports, such as `finished early`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::FinishedEarly => "finished early",
            Self::Failed => "failed",
            Self::NotReady => "not ready in time",
            Self::Unresponsive => "unresponsive",
            Self::Overran => "overran",
            Self::Aborted => "aborted",
            Self::Leaked => "leaked",
            Self::NeverStarted { .. } => "never started",
        }
    }
}

impl fmt::Display for Outcome {
    /// Writes its name, and the dependency that kept it from starting.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::NeverStarted { because: Some(path) } => write!(f, ", because of {path}"),
            _ => Ok(()),
        }
    }
}
