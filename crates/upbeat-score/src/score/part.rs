//! A part as data: its name, its edges, and its policies.

use std::{sync::Arc, time::Duration};

use crate::restart::{Restart, RestartWhen};

/// The moment at which a run of a part counts as ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readiness {
    /// After the first poll that returned pending. For workers without a set-up.
    #[default]
    AtStart,
    /// When the player signals it. For servers and other players with a set-up.
    Signalled,
}

/// The condition under which a part may start after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The other part has been started.
    Started,
    /// The other part is ready.
    Ready,
    /// The other part is a job and has finished successfully.
    Finished,
}

/// An edge: a part starts after `name`, and stops before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct After {
    /// The part that starts first.
    pub name: Arc<str>,
    /// The condition to wait for. The default, `None`, is [`Finished`](Condition::Finished) after a
    /// job and [`Ready`](Condition::Ready) after a service.
    pub condition: Option<Condition>,
}

impl After {
    /// Creates an edge to the part `name`.
    pub fn new(name: impl Into<Arc<str>>, condition: Option<Condition>) -> Self {
        Self { name: name.into(), condition }
    }
}

/// Whether a part is meant to end by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Plays until it is asked to stop. An earlier end is a failure.
    #[default]
    Service,
    /// Finishes by itself, and that is success.
    Job,
}

/// The consequence of a part's final failure, after which no restart follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFailure {
    /// All parts stop, and the conductor fails.
    #[default]
    Shutdown,
    /// The other parts go on. The failure is in the report.
    Ignore,
}

/// The consequence of a missed heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnUnresponsive {
    /// An event is logged. Nothing else follows.
    Log,
    /// The run does not count as ready until its next heartbeat.
    NotReady,
    /// The run has failed and is stopped. Another run follows even without a restart policy, within
    /// the policy's limits (5 times in 60 s without a policy).
    Restart,
    /// The run has failed and is stopped. The restart policy decides whether another run follows.
    Fail,
}

impl OnUnresponsive {
    /// Returns its name in logs: `log`, `not ready`, `restart`, or `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::NotReady => "not ready",
            Self::Restart => "restart",
            Self::Fail => "fail",
        }
    }
}

/// The longest time between two heartbeats of a part, and the consequence of a longer silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Watchdog {
    /// The longest time between two heartbeats.
    pub timeout: Duration,
    /// The consequence of a longer silence.
    pub action: OnUnresponsive,
}

impl Watchdog {
    /// Creates a watchdog.
    pub const fn new(timeout: Duration, action: OnUnresponsive) -> Self {
        Self { timeout, action }
    }
}

/// The parts that are restarted when one of them fails and its policy restarts it. The names are
/// Erlang/OTP's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Only the failed part.
    #[default]
    OneForOne,
    /// All parts. They stop in reverse order and start again. Finished jobs stay finished.
    OneForAll,
    /// The failed part, and all parts that depend on it, directly or not.
    RestForOne,
}

/// A part of a score: its name, its edges, and its policies.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartSpec {
    /// The name: unique within its score, without `/` and white space.
    pub name: Arc<str>,
    /// The parts that it starts after and stops before.
    pub after: Vec<After>,
    /// The moment at which a run counts as ready.
    pub readiness: Readiness,
    /// Whether it is meant to end by itself.
    pub kind: Kind,
    /// The time in which a run has to become ready. Default 30 s.
    pub ready_timeout: Duration,
    /// The time in which a run has to stop. `None` is the rest of the whole budget, less a reserve
    /// for the parts that stop later.
    pub stop_timeout: Option<Duration>,
    /// The restart policy.
    pub restart: Restart,
    /// The consequence of its final failure.
    pub on_failure: OnFailure,
    /// Whether its successful end stops all parts.
    pub stops_all: bool,
    /// Whether it starts before, and stops after, all parts without this mark.
    pub first_and_last: bool,
    /// Whether its player can be played more than once.
    pub restartable: bool,
    /// The heartbeats that are expected of it. The driver watches them, and reports missed ones by
    /// [`Event::Unresponsive`](crate::Event::Unresponsive) or
    /// [`Event::Degraded`](crate::Event::Degraded).
    pub watchdog: Option<Watchdog>,
}

impl PartSpec {
    /// Creates a service that is ready at its start, is never restarted, and whose failure stops
    /// all parts.
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
            restartable: true,
            watchdog: None,
        }
    }

    /// Adds an edge with the [default condition](After::condition).
    #[must_use]
    pub fn after(mut self, name: impl Into<Arc<str>>) -> Self {
        self.after.push(After::new(name, None));
        self
    }

    /// Returns whether a failure of the part may be followed by a restart: by its policy, or by its
    /// watchdog.
    pub(crate) fn declares_restarts(&self) -> bool {
        let watched = self.watchdog.is_some_and(|watchdog| watchdog.action == OnUnresponsive::Restart);
        watched || self.restart.when() != RestartWhen::Never
    }

    /// Adds an edge with a condition.
    #[must_use]
    pub fn after_when(mut self, name: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.after.push(After::new(name, Some(condition)));
        self
    }
}

/// Returns the condition of an edge to a part of this kind that names no condition.
pub(crate) fn default_condition(kind: Kind) -> Condition {
    match kind {
        Kind::Service => Condition::Ready,
        Kind::Job => Condition::Finished,
    }
}
