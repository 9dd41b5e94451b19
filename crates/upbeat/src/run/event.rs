//! What the control loop hears of.

use upbeat_score::PartId;

use crate::supervisor::request::Request;

/// What the control loop hears of.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A run is ready.
    Ready { part: PartId, run: u64 },
    /// A player has returned, but what it spawned is not gone.
    Leaving { part: PartId, run: u64 },
    /// A run has given no sign of life for too long.
    Unresponsive { part: PartId, run: u64, restart: bool },
    /// A run does not count as ready, or counts again.
    Degraded { part: PartId, run: u64, degraded: bool },
    /// Nothing is left of a run.
    Ended { part: PartId, run: u64 },
    /// Somebody wants something.
    Request(Box<Request>),
}
