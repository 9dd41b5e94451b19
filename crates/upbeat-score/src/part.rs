//! A score as data: parts, the edges between them, and their policies.

use std::{sync::Arc, time::Duration};

use crate::Restart;

/// When a run of a part counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// Once its first poll has returned pending. For workers that need nothing to be set up.
    #[default]
    AtStart,
    /// Once the player says so. For servers and whatever else has to be set up.
    Signalled,
}

/// What a part waits for before it starts after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The other has been started.
    Started,
    /// The other is ready.
    Ready,
    /// The other, a job, has finished successfully.
    Finished,
}

/// An edge: this part starts after `name`, and stops before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The part that comes first.
    pub name: Arc<str>,
    /// What to wait for. `None` is what one expects: [`Finished`](Condition::Finished) for a job, [`Ready`](Condition::Ready) for a service.
    pub condition: Option<Condition>,
}

/// Whether a part is meant to end by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Plays until it is told to stop: an end before that is a failure.
    #[default]
    Service,
    /// Finishing is success.
    Job,
}

/// What the final failure of a part, the one that no restart answers, means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// Everything stops, and the whole fails.
    #[default]
    Shutdown,
    /// The others go on; the failure is in the report.
    Ignore,
}

/// What follows when a player gives no sign of life for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnUnresponsive {
    /// It is said in the log, and nothing else.
    Log,
    /// It does not count as ready until the next sign of life.
    NotReady,
    /// Its run has failed and is stopped; a new one follows even where the restart policy is never to, within the policy's
    /// limits (5 times in 60 s where there is none).
    Restart,
    /// Its run has failed and is stopped; whether a new one follows is up to the restart policy.
    Fail,
}

/// How long a player may go without a sign of life, and what follows if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Watchdog {
    /// The longest silence.
    pub timeout: Duration,
    /// What follows.
    pub action: OnUnresponsive,
}

/// Which parts are restarted when one fails and its policy asks for a restart. The names are Erlang/OTP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Only the one that failed.
    #[default]
    OneForOne,
    /// All of them: they are stopped in reverse order, then started again. Jobs that have finished stay finished.
    OneForAll,
    /// The one that failed and all that depend on it, directly or not.
    RestForOne,
}

/// One part: a name, what it waits for, and its policies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartSpec {
    /// Unique within its score; no `/`, no white space.
    pub name: Arc<str>,
    /// What it starts after and stops before.
    pub after: Vec<After>,
    /// When a run counts as ready.
    pub readiness: Readiness,
    /// Whether it is meant to end by itself.
    pub kind: Kind,
    /// How long a run may take to become ready. Default 30 s.
    pub ready_timeout: Duration,
    /// How long it may take to stop. `None`: what the whole has left, less a reserve for those that stop after it.
    pub stop_timeout: Option<Duration>,
    /// When and how often it is started again.
    pub restart: Restart,
    /// What its final failure means for the others.
    pub on_failure: OnFailure,
    /// Whether its successful end stops everything.
    pub stops_all: bool,
    /// Whether it starts before, and stops after, all parts that are not marked so themselves.
    pub first_and_last: bool,
    /// Whether it can be played more than once.
    pub replayable: bool,
    /// Whether signs of life are asked of it. The machine is only told when they are missing:
    /// [`Event::Unresponsive`](crate::Event::Unresponsive), [`Event::Doubt`](crate::Event::Doubt).
    pub watchdog: Option<Watchdog>,
}

impl PartSpec {
    /// A service that is ready at its start, never restarted, and whose failure stops everything.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            after: Vec::new(),
            readiness: Readiness::AtStart,
            kind: Kind::Service,
            ready_timeout: Duration::from_secs(30),
            stop_timeout: None,
            restart: Restart::never(),
            on_failure: OnFailure::Shutdown,
            stops_all: false,
            first_and_last: false,
            replayable: true,
            watchdog: None,
        }
    }

    /// Adds an edge with the [default condition](After::condition).
    #[must_use]
    pub fn after(mut self, name: impl Into<Arc<str>>) -> Self {
        self.after.push(After { name: name.into(), condition: None });
        self
    }

    /// Adds an edge.
    #[must_use]
    pub fn after_when(mut self, name: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.after.push(After { name: name.into(), condition: Some(condition) });
        self
    }
}

/// Everything to be played together: the parts, and what holds for all of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Score {
    /// The name of the whole; the first segment of every part's path.
    pub name: Arc<str>,
    /// The parts, in any order.
    pub parts: Vec<PartSpec>,
    /// How long the whole stop may take, lame duck included. Default 10 s.
    pub stop_timeout: Duration,
    /// How long everything keeps serving, not ready any more, after a stop was asked for. Default zero.
    pub lame_duck: Duration,
    /// Which parts are restarted together.
    pub strategy: Strategy,
}

impl Score {
    /// The default of [`Score::stop_timeout`].
    pub const STOP_WITHIN: Duration = Duration::from_secs(10);

    /// A score without parts.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            parts: Vec::new(),
            stop_timeout: Self::STOP_WITHIN,
            lame_duck: Duration::ZERO,
            strategy: Strategy::OneForOne,
        }
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: PartSpec) -> Self {
        self.parts.push(part);
        self
    }
}
