//! The events of runs.

use std::fmt::Debug;

use upbeat_score::PartId;

/// An event of a run that concerns its conductor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunEvent {
    /// The run is ready.
    Ready { part: PartId, run: u64 },
    /// The player has returned. Tasks that it has spawned are left.
    Returned { part: PartId, run: u64 },
    /// The run has missed its heartbeat.
    Unresponsive { part: PartId, run: u64, restart: bool },
    /// The run does not count as ready, or counts as ready again.
    Degraded { part: PartId, run: u64, degraded: bool },
    /// Nothing is left of the run.
    Ended { part: PartId, run: u64 },
}

/// The receiver of the events of a conductor's runs.
///
/// A trait, so that a run knows of events only. The receiver takes requests too, and keeps the
/// order in which requests and events are sent.
pub(crate) trait EventSink: Debug + Send + Sync {
    /// Takes an event. It is dropped if the conductor has ended: a leaked run may outlive it.
    fn send(&self, event: RunEvent);
}

/// Drops all events. For runs without a conductor.
#[derive(Debug)]
pub(crate) struct NoSink;

impl EventSink for NoSink {
    fn send(&self, _: RunEvent) {}
}
