//! The reasons for a stop.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::signal::Signal;

/// Why a player was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// The process got a signal.
    Signal(Signal),
    /// Code asked for it: [`Handle::stop`](crate::Handle::stop), or what [`Conductor::play_until`](crate::Conductor::play_until) waited for.
    Asked,
    /// The part of this path [ends all](crate::Part::stops_all), and has finished.
    EndedBy(Arc<str>),
    /// The player of this path failed, and nothing answers that.
    Failed(Arc<str>),
    /// All jobs are done. What is asked to stop for this reason is a helper of a player that has returned.
    Done,
    /// Only this player is stopped: by hand.
    ByHand,
    /// Only this player is stopped: to be started again, by hand.
    Restart,
    /// It was not ready in time.
    NotReady,
    /// It gave no sign of life for too long.
    Unresponsive,
    /// The player of this path failed, and the strategy restarts this one with it.
    RestartWith(Arc<str>),
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => signal.fmt(f),
            Self::Asked => f.write_str("as asked"),
            Self::EndedBy(path) => write!(f, "{path} has finished"),
            Self::Failed(path) => write!(f, "{path} has failed"),
            Self::Done => f.write_str("all is done"),
            Self::ByHand => f.write_str("stopped by hand"),
            Self::Restart => f.write_str("restarted by hand"),
            Self::NotReady => f.write_str("not ready in time"),
            Self::Unresponsive => f.write_str("no sign of life"),
            Self::RestartWith(path) => write!(f, "restarted with {path}"),
        }
    }
}

/// As the cause of a [`ContextError::Canceled`](crate::ContextError::Canceled).
impl StdError for StopCause {}
