//! What the machine knows of one part.

use std::{sync::Arc, time::Duration};

use super::{
    nanos::Nanos,
    types::{End, Moment, PartId, State, StopWhy},
};
use crate::{
    Condition, Kind, OnFailure, PartSpec, Readiness, RestartWhen,
    check::Edge,
    restart::{Policy, Restarter},
};

/// What a part is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Play.
    Play,
    /// Be gone, then play again.
    Again,
    /// Be gone for good.
    End,
}

/// How a run is judged before its end. One byte, where [`End`] takes eight.
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

/// One part.
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
    ready_timeout: Nanos,
    stop_timeout: Option<Nanos>,
    /// `None` for a part that is never restarted, unless it asked for that itself once.
    pub(super) restarter: Option<Box<Restarter>>,

    pub(super) after: Box<[Edge]>,
    pub(super) dependents: Vec<Edge>,
    /// How many of `after` do not hold.
    pub(super) unmet: u32,
    /// How many of `dependents` [are blocking](Slot::is_blocking).
    pub(super) blockers: u32,
    /// Whether this part is counted as blocking.
    pub(super) blocking: bool,

    pub(super) state: State,
    since: Nanos,
    pub(super) goal: Goal,
    pub(super) why: StopWhy,
    /// Set when this part's state must not last; the one timer that its state needs.
    timer: Option<Nanos>,
    pub(super) run: u64,
    /// How many runs have been started.
    pub(super) runs: u32,
    /// Whether any run was ever ready.
    pub(super) was_ready: bool,
    /// How the current run will be judged, whatever it returns.
    pub(super) verdict: Option<Verdict>,
    /// Whether the current run does not count as ready for the whole, though it is.
    pub(super) doubted: bool,
    /// Whether the current run was aborted, and whether because everything was.
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
            ready_timeout: spec.ready_timeout.into(),
            stop_timeout: spec.stop_timeout.map(Nanos::from),
            restarter: spec.restart.restarter(),
            after,
            dependents: Vec::new(),
            unmet: 0,
            blockers: 0,
            blocking: false,
            state: State::Waiting,
            since: now.into(),
            goal: Goal::Play,
            why: StopWhy::All,
            timer: None,
            run: 0,
            runs: 0,
            was_ready: false,
            verdict: None,
            doubted: false,
            aborted: None,
        }
    }

    /// Enters a state, with the timer that it needs.
    pub(super) fn enter(&mut self, state: State, timer: Option<Moment>, now: Moment) {
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
        matches!(self.state, State::Over(_))
    }

    /// Whether the part was removed, so that its place may be used again.
    pub(super) fn is_removed(&self) -> bool {
        self.removing && self.is_over()
    }

    pub(super) fn is_as_ready_as_it_gets(&self) -> bool {
        match self.state {
            State::Ready => !self.doubted,
            State::Over(End::Completed) => true,
            State::Over(_) => self.on_failure == OnFailure::Ignore,
            _ => false,
        }
    }

    pub(super) fn ended_badly(&self) -> bool {
        matches!(self.state, State::Over(end) if !end.is_clean())
    }

    /// Whether those that this part depends on have to wait before they stop: for its end, or, where it is not there, for those
    /// that it would have to wait for itself.
    pub(super) fn is_blocking(&self) -> bool {
        if self.state.is_live() { self.goal != Goal::Play } else { self.blockers > 0 }
    }

    /// Whether `condition` holds for those that start after this part.
    pub(super) fn holds(&self, condition: Condition) -> bool {
        match (condition, self.state) {
            (Condition::Started, State::Starting | State::Ready)
            | (Condition::Ready, State::Ready)
            | (Condition::Started | Condition::Finished, State::Over(End::Completed)) => true,
            (Condition::Ready, State::Over(End::Completed)) => self.was_ready,
            _ => false,
        }
    }

    /// Whether `condition` does not hold and, left alone, never will. A part that was stopped by hand can be started again by hand.
    pub(super) fn never_holds(&self, condition: Condition) -> bool {
        matches!(self.state, State::Over(end) if end != End::Stopped) && !self.holds(condition)
    }

    /// Gives a part that is never restarted by policy what it takes to be restarted all the same.
    pub(super) fn may_restart(&mut self) {
        self.restarter.get_or_insert_with(|| Box::new(Restarter::new(Policy::when_it_asks())));
    }

    /// Whether a run of this part is over in such a way that its policy answers with another.
    pub(super) fn wants_restart(&self, end: End) -> bool {
        match self.restarter.as_ref().map(|restarter| restarter.when()) {
            None | Some(RestartWhen::Never) => false,
            Some(RestartWhen::OnFailure) => !end.is_clean(),
            Some(RestartWhen::Always) => true,
        }
    }
}

/// The index of a part.
pub(super) fn id(i: usize) -> PartId {
    PartId(u32::try_from(i).expect("a machine has fewer than 2^32 parts"))
}
