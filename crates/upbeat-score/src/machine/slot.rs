//! The state of one part.

use std::{sync::Arc, time::Duration};

use super::{
    action::{End, PartId, PartState, StopReason},
    nanos::Nanos,
};
use crate::{
    moment::Moment,
    restart::{Policy, RestartWhen, Restarter},
    score::{Condition, Edge, Kind, OnFailure, PartSpec, Readiness},
};

/// The goal of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Play.
    Play,
    /// End the run, then play again.
    Restart,
    /// End for good.
    End,
}

/// The end of a run that was decided before it ended. One byte, where [`End`] takes eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    NotReady,
    Unresponsive,
}

impl From<Verdict> for End {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::NotReady => Self::NotReady,
            Verdict::Unresponsive => Self::Unresponsive,
        }
    }
}

/// The state of one part.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) on_failure: OnFailure,
    pub(super) readiness: Readiness,
    pub(super) stops_all: bool,
    pub(super) first_and_last: bool,
    pub(super) removing: bool,
    /// Whether its player can be played more than once.
    pub(super) restartable: bool,
    /// Whether a failure may be followed by a restart.
    pub(super) declares_restarts: bool,
    ready_timeout: Nanos,
    stop_timeout: Option<Nanos>,
    /// `None` for a part without a restart policy that has never requested a restart.
    pub(super) restarter: Option<Box<Restarter>>,

    pub(super) after: Box<[Edge]>,
    pub(super) dependents: Vec<Edge>,
    /// The number of conditions in `after` that do not hold.
    pub(super) unmet: u32,
    /// The number of `dependents` that [are blocking](Slot::is_blocking).
    pub(super) blockers: u32,
    /// Whether the `blockers` of the dependencies count this part.
    pub(super) blocking: bool,

    pub(super) state: PartState,
    since: Nanos,
    pub(super) goal: Goal,
    /// The reason that the run receives if it is asked to stop.
    pub(super) reason: StopReason,
    /// The one timer that the state needs, if it must not last.
    timer: Option<Nanos>,
    pub(super) run: u64,
    /// The number of runs that were started.
    pub(super) runs: u32,
    /// Whether any run has been ready.
    pub(super) was_ready: bool,
    /// The end of the current run, whatever it returns.
    pub(super) verdict: Option<Verdict>,
    /// Whether the current run does not count as ready although it is.
    pub(super) degraded: bool,
    /// The end that the abort of the current run leads to, if it was aborted.
    pub(super) aborted: Option<End>,
}

impl Slot {
    pub(super) fn new(spec: &PartSpec, after: Box<[Edge]>, now: Moment) -> Self {
        Self {
            name: spec.name.clone(),
            kind: spec.kind,
            on_failure: spec.on_failure,
            readiness: spec.readiness,
            stops_all: spec.stops_all,
            first_and_last: spec.first_and_last,
            removing: false,
            restartable: spec.restartable,
            declares_restarts: spec.declares_restarts(),
            ready_timeout: spec.ready_timeout.into(),
            stop_timeout: spec.stop_timeout.map(Nanos::from),
            restarter: spec.restart.restarter(),
            after,
            dependents: Vec::new(),
            unmet: 0,
            blockers: 0,
            blocking: false,
            state: PartState::Waiting,
            since: now.into(),
            goal: Goal::Play,
            reason: StopReason::All,
            timer: None,
            run: 0,
            runs: 0,
            was_ready: false,
            verdict: None,
            degraded: false,
            aborted: None,
        }
    }

    /// Enters a state with the timer that it needs.
    pub(super) fn enter(&mut self, state: PartState, timer: Option<Moment>, now: Moment) {
        self.state = state;
        self.timer = timer.map(Nanos::from);
        self.since = now.into();
    }

    pub(super) fn since(&self) -> Moment {
        self.since.into()
    }

    pub(super) fn timer(&self) -> Option<Moment> {
        self.timer.map(Moment::from)
    }

    pub(super) fn clear_timer(&mut self) {
        self.timer = None;
    }

    pub(super) fn ready_timeout(&self) -> Duration {
        self.ready_timeout.into()
    }

    pub(super) fn stop_timeout(&self) -> Option<Duration> {
        self.stop_timeout.map(Duration::from)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, PartState::Over(_))
    }

    /// Returns whether the part was removed and its slot may be used again.
    pub(super) fn is_removed(&self) -> bool {
        self.removing && self.is_over()
    }

    /// Returns whether the part does not keep the whole from being ready.
    pub(super) fn counts_as_ready(&self) -> bool {
        match self.state {
            PartState::Ready => !self.degraded,
            PartState::Over(End::Completed) => true,
            PartState::Over(_) => self.on_failure == OnFailure::Ignore,
            _ => false,
        }
    }

    pub(super) fn ended_badly(&self) -> bool {
        matches!(self.state, PartState::Over(end) if !end.is_clean())
    }

    /// Returns whether the dependencies of this part have to wait before they stop.
    ///
    /// They wait for its end. If it has no run, they wait for the parts that block it.
    pub(super) fn is_blocking(&self) -> bool {
        if self.state.is_live() { self.goal != Goal::Play } else { self.blockers > 0 }
    }

    /// Returns whether `condition` holds for the dependents of this part.
    pub(super) fn holds(&self, condition: Condition) -> bool {
        match (condition, self.state) {
            (Condition::Started, PartState::Starting | PartState::Ready)
            | (Condition::Ready, PartState::Ready)
            | (Condition::Started | Condition::Finished, PartState::Over(End::Completed)) => true,
            (Condition::Ready, PartState::Over(End::Completed)) => self.was_ready,
            _ => false,
        }
    }

    /// Returns whether `condition` does not hold and never will by itself.
    ///
    /// A part that was stopped on request can be started again on request.
    pub(super) fn never_holds(&self, condition: Condition) -> bool {
        matches!(self.state, PartState::Over(end) if end != End::Stopped) && !self.holds(condition)
    }

    /// Gives a part without a restart policy the limits of requested restarts.
    pub(super) fn allow_restart(&mut self) {
        self.restarter.get_or_insert_with(|| Box::new(Restarter::new(Policy::on_request())));
    }

    /// Returns whether the restart policy follows this end of a run with another run.
    pub(super) fn wants_restart(&self, end: End) -> bool {
        match self.restarter.as_ref().map(|restarter| restarter.when()) {
            None | Some(RestartWhen::Never) => false,
            Some(RestartWhen::OnFailure) => !end.is_clean(),
            Some(RestartWhen::Always) => true,
        }
    }
}

/// Returns the id of the part in slot `i`.
pub(super) fn id(i: usize) -> PartId {
    PartId(u32::try_from(i).expect("a machine has fewer than 2^32 parts"))
}
