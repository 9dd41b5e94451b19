//! The output of the machine: its actions, and the states and ends that it reports.

use crate::moment::Moment;

/// The id of a part of a [`Machine`](crate::Machine). Ids of removed parts are used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub(super) u32);

impl PartId {
    /// Returns a small number, usable as an index into tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// An output of the machine, to be performed by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a run.
    Start {
        /// The part of the run.
        part: PartId,
        /// The run: unique among all runs of this machine.
        run: u64,
        /// 0 for the first run of the part, then 1, 2, …
        attempt: u32,
    },
    /// Ask the run to stop.
    Stop {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
        /// The time at which it will be aborted.
        deadline: Moment,
        /// The reason.
        reason: StopReason,
    },
    /// Abort the run. The machine waits for its end for a short time.
    Abort {
        /// The part of the run.
        part: PartId,
        /// The run.
        run: u64,
    },
    /// Note that a run has ended and that another will start.
    Retry {
        /// The part of the run.
        part: PartId,
        /// The earliest start of the next run.
        at: Moment,
    },
    /// Note that the part has ended for good. Only [`Event::Restart`](crate::Event::Restart) starts
    /// it again.
    Over {
        /// The part.
        part: PartId,
        /// Its end.
        end: End,
    },
    /// Note that all parts are over. Nothing follows.
    Finished,
}

/// The reason why a run is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All parts stop.
    All,
    /// The stop of this part was requested.
    Requested,
    /// The restart of this part was requested.
    Restart,
    /// It was not ready in time.
    NotReady,
    /// It has missed its heartbeat.
    Unresponsive,
    /// Another part failed, and the strategy restarts this one with it.
    With(PartId),
}

/// The cause of the stop of all parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// All parts have ended.
    AllDone,
    /// The stop was requested.
    Requested,
    /// A part that stops all has finished.
    EndedBy(PartId),
    /// A part failed: the root cause.
    Failed(PartId),
}

/// The state of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// It waits for its conditions.
    Waiting,
    /// Its run has begun and is not ready.
    Starting,
    /// Its run is ready.
    Ready,
    /// Its run was asked to stop, or has returned and leaves tasks behind.
    Stopping,
    /// Its run was aborted and is not gone.
    Aborting,
    /// Its run has ended. The next starts later.
    Backoff,
    /// It has ended for good.
    Over(End),
}

impl PartState {
    /// Returns whether something of a run may be left.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Stopping | Self::Aborting)
    }
}

/// The final end of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A job, or a part that stops all, returned `Ok`.
    Completed,
    /// It stopped on request, or it was between two runs when the stop began.
    Stopped,
    /// A service returned `Ok` before it was asked to stop.
    FinishedEarly,
    /// It failed or panicked, perhaps while stopping.
    Failed,
    /// It was not ready in time.
    NotReady,
    /// It missed its heartbeat.
    Unresponsive,
    /// It did not stop in time and was aborted.
    Overran,
    /// It was aborted together with all others.
    Aborted,
    /// It was aborted and is still there.
    Leaked,
    /// It was never started.
    NeverStarted {
        /// The dependency whose condition can no longer hold. `None` if the stop came first.
        because: Option<PartId>,
    },
}

impl End {
    /// Returns whether the part ended as intended.
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::NeverStarted { because: None })
    }

    /// Returns whether a run was aborted at its deadline or left behind.
    pub fn is_overrun(self) -> bool {
        matches!(self, Self::Overran | Self::Leaked)
    }
}
