//! The phases of the whole.

use crate::moment::Moment;

/// The phase of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not begun.
    Idle,
    /// Parts start, play, and are restarted.
    Playing,
    /// A stop was requested. Parts keep playing `until` then, and none starts.
    LameDuck { until: Moment, deadline: Moment },
    /// Parts stop in reverse order. At the deadline the rest is aborted.
    Stopping { deadline: Moment },
    /// All runs were aborted.
    Aborting,
    /// All parts are over.
    Finished,
}

impl Phase {
    /// Returns the time at which the phase ends by itself.
    pub(super) fn timer(self) -> Option<Moment> {
        match self {
            Self::LameDuck { until, .. } => Some(until),
            Self::Stopping { deadline } => Some(deadline),
            Self::Idle | Self::Playing | Self::Aborting | Self::Finished => None,
        }
    }
}
