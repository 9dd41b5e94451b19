//! What goes into the machine, and what comes out.

use std::{fmt, sync::Arc, time::Duration};

use crate::Fault;

/// A point in time: how long after an epoch of the driver's choice.
pub type Moment = Duration;

/// A part of a [`Machine`](crate::Machine). Ids of removed parts are used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub(crate) u32);

impl PartId {
    /// A small number, for tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What happened.
///
/// Events about a run that is not the part's current one are ignored: they come late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Play.
    Begin,
    /// The run is ready.
    Ready {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
    },
    /// The player has returned by itself, but tasks of its run are not gone yet.
    Leaving {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
    },
    /// The run is gone: nothing of it is left.
    Ended {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
        /// How it ended.
        how: Ended,
    },
    /// The run has given no sign of life for too long: it is to be stopped, and has failed whatever it returns.
    Unresponsive {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
        /// Whether another run is to follow even where the policy does not say so.
        restart: bool,
    },
    /// A ready run is not to count as ready for the whole, or is to count again. Starts and stops nothing.
    Doubt {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
        /// Whether it is doubted from now on.
        doubted: bool,
    },
    /// Stop everything, politely. Later requests change nothing.
    StopAll {
        /// How long it may take and how long settling may; what the score says where `None`.
        budget: Option<crate::Budget>,
    },
    /// Abort everything now; also what is being stopped.
    AbortAll,
    /// Stop one part for good.
    Stop {
        /// Which.
        part: PartId,
    },
    /// Stop one part, if it plays, and start it again, also if it has ended. Counts towards no limit.
    Restart {
        /// Which.
        part: PartId,
    },
    /// Time has passed.
    Tick,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The player returned `Ok`.
    Ok,
    /// It failed or panicked.
    Failed,
    /// It was dropped before it returned, because it was aborted.
    Aborted,
    /// It asked to be restarted.
    RestartRequested,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a run.
    Start {
        /// Of which part.
        part: PartId,
        /// Unique among all runs of this machine.
        run: u64,
        /// 0 for the first run, then 1, 2, …
        attempt: u32,
    },
    /// Ask the run to stop.
    Stop {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
        /// When it will be aborted.
        deadline: Moment,
        /// Why.
        why: StopWhy,
    },
    /// Abort the run. The machine goes on waiting for its end, for a short time.
    Abort {
        /// Whose run.
        part: PartId,
        /// Which run.
        run: u64,
    },
    /// The part's run has ended, and a new one will start.
    Retry {
        /// Whose run.
        part: PartId,
        /// When the next may start.
        at: Moment,
    },
    /// The part has ended for good; nothing but [`Event::Restart`] starts it again.
    Over {
        /// Which.
        part: PartId,
        /// How.
        end: End,
    },
    /// All is over. Nothing follows.
    Finished,
}

/// Why a run is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopWhy {
    /// Everything stops.
    All,
    /// This part is to stop.
    Asked,
    /// This part is to be restarted.
    Restart,
    /// It was not ready in time.
    NotReady,
    /// It has given no sign of life for too long.
    Unresponsive,
    /// Another part failed, and the strategy restarts this one with it.
    With(PartId),
}

/// Why everything stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// All parts have ended.
    AllDone,
    /// It was asked for.
    Asked,
    /// A part that ends all has finished.
    EndedBy(PartId),
    /// A part failed: the root cause.
    Failed(PartId),
}

/// What a part is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For its conditions.
    Waiting,
    /// Its run has begun and is not ready.
    Starting,
    /// Its run is ready.
    Ready,
    /// Its run was asked to stop, or is leaving by itself.
    Stopping,
    /// Its run was aborted and is not gone.
    Aborting,
    /// Its run has ended; the next starts later.
    Backoff,
    /// It is over.
    Over(End),
}

impl State {
    /// Whether something of a run may still be there.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Stopping | Self::Aborting)
    }
}

/// How a part ended for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A job, or a part that ends all, returned `Ok`.
    Completed,
    /// It was asked to stop and did; or it was between two runs when the stop came.
    Stopped,
    /// A service returned `Ok` though nobody had asked it to stop.
    FinishedEarly,
    /// It failed or panicked, perhaps while stopping.
    Failed,
    /// It was not ready in time.
    NotReady,
    /// It gave no sign of life for too long.
    Unresponsive,
    /// It did not stop in time and was aborted.
    Overran,
    /// It was aborted because everything was.
    Aborted,
    /// It was aborted and is still there.
    Leaked,
    /// It was never started.
    NeverStarted {
        /// The dependency that cannot fulfil its condition; `None` where the stop came first.
        because: Option<PartId>,
    },
}

impl End {
    /// Whether the part did what was wanted of it.
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::NeverStarted { because: None })
    }

    /// Whether something was killed or left behind.
    pub fn is_overrun(self) -> bool {
        matches!(self, Self::Overran | Self::Leaked)
    }
}

/// A part cannot be added now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// A stop has begun, or all is over.
    #[error("`{name}` cannot be added while stopping")]
    Stopping {
        /// The name of the part.
        name: Arc<str>,
    },
    /// The part does not fit.
    #[error("`{name}` cannot be added: {}", list(.faults))]
    Faults {
        /// The name of the part.
        name: Arc<str>,
        /// All that is wrong with it.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A part cannot be removed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveError {
    /// The parts that depend on it.
    pub needed_by: Vec<Arc<str>>,
}

impl fmt::Display for RemoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "others depend on it: {}", self.needed_by.join(", "))
    }
}

impl std::error::Error for RemoveError {}
