//! The input of the machine.

use super::action::PartId;
use crate::budget::Budget;

/// An input of the machine.
///
/// An event of a run that is not the part's current run is ignored, because it comes late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin to play. Later ones are ignored.
    Begin,
    /// The run is ready.
    Ready {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
    },
    /// The player has returned by itself, but tasks of its run are still there.
    Returned {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
    },
    /// Nothing is left of the run.
    Ended {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
        /// Its end.
        how: RunEnd,
    },
    /// The run has missed its heartbeat. It is stopped, and has failed whatever it returns.
    Unresponsive {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
        /// Whether another run follows even without a restart policy.
        restart: bool,
    },
    /// A ready run counts as not ready, or counts as ready again. Starts and stops nothing.
    Degraded {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
        /// Whether it is degraded from now on.
        degraded: bool,
    },
    /// Stop all parts gracefully. Later ones are ignored.
    StopAll {
        /// The budget of the stop. `None` is that of the score.
        budget: Option<Budget>,
    },
    /// Abort all runs now, also those that are stopping.
    AbortAll,
    /// Stop one part for good.
    Stop {
        /// The part.
        part: PartId,
    },
    /// Stop one part if it runs, and start it again, also if it is over. Counts towards no limit.
    Restart {
        /// The part.
        part: PartId,
    },
}

/// The end of a run, as its driver saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The player returned `Ok`.
    Ok,
    /// The player failed or panicked.
    Failed,
    /// The player was aborted before it returned.
    Aborted,
    /// The player requested a restart.
    RestartRequested,
}
