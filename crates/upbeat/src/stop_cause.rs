//! The causes of a stop.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::signal::Signal;

/// The cause of a stop request to a run.
///
/// It is also the source of the [`ContextError::Canceled`](crate::ContextError::Canceled) of that
/// run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// The process received a signal.
    Signal(Signal),
    /// The stop was requested by code: by [`Handle::stop`](crate::Handle::stop), or by the future
    /// of [`Conductor::play_until`](crate::Conductor::play_until).
    Requested,
    /// The part with this path [stops all](crate::Part::stops_all), and has finished.
    EndedBy(Arc<str>),
    /// The player with this path has failed for good. It may be in a nested conductor.
    Failed(Arc<str>),
    /// All jobs are done, or the player has returned and its spawned tasks have to end.
    Done,
    /// The stop of this part alone was requested.
    PartStopped,
    /// The restart of this part alone was requested.
    PartRestarted,
    /// It was not ready in time.
    NotReady,
    /// It missed its heartbeat.
    Unresponsive,
    /// The player with this path failed, and the strategy restarts this one with it.
    RestartWith(Arc<str>),
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => signal.fmt(f),
            Self::Requested => f.write_str("requested"),
            Self::EndedBy(path) => write!(f, "{path} has finished"),
            Self::Failed(path) => write!(f, "{path} has failed"),
            Self::Done => f.write_str("all is done"),
            Self::PartStopped => f.write_str("stop of the part requested"),
            Self::PartRestarted => f.write_str("restart of the part requested"),
            Self::NotReady => f.write_str("not ready in time"),
            Self::Unresponsive => f.write_str("heartbeat missed"),
            Self::RestartWith(path) => write!(f, "restarted with {path}"),
        }
    }
}

impl StdError for StopCause {}
