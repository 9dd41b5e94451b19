//! Stopping everything: in the reverse of the edges, inside one budget.

use std::time::Duration;

use super::{
    core::Machine,
    slot::{Goal, id},
    types::{Action, End, Moment, State, StopWhy, Why},
};
use crate::{Budget, OnFailure};

/// Where the whole stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not begun.
    Idle,
    /// Parts start, play, and are restarted.
    Playing,
    /// A stop was asked for; everything keeps playing `until` then, and nothing starts.
    LameDuck { until: Moment, deadline: Moment },
    /// Parts are stopped in reverse; what is left at the deadline is aborted.
    Stopping { deadline: Moment },
    /// All was aborted.
    Aborting,
    /// All is over.
    Finished,
}

impl Phase {
    pub(super) fn timer(self) -> Option<Moment> {
        match self {
            Self::LameDuck { until, .. } => Some(until),
            Self::Stopping { deadline } => Some(deadline),
            Self::Idle | Self::Playing | Self::Aborting | Self::Finished => None,
        }
    }
}

impl Machine {
    /// Decides on a stop, which begins when all other consequences of the event are worked off. The first reason is kept.
    pub(super) fn request_stop(&mut self, why: Why, budget: Option<Budget>) {
        if matches!(self.phase, Phase::Idle | Phase::Playing) && self.pending.is_none() {
            self.pending = Some((why, budget));
        }
    }

    /// A part has failed and will not be started again.
    pub(super) fn fail_for_good(&mut self, i: usize, now: Moment) {
        if self.slots[i].on_failure == OnFailure::Ignore {
            return;
        }
        if let Phase::LameDuck { deadline, .. } = self.phase {
            // Nobody is served any longer by waiting.
            self.drain(deadline, now);
        } else {
            self.request_stop(Why::Failed(id(i)), None);
        }
    }

    pub(super) fn begin_stop(&mut self, why: Why, budget: Option<Budget>, now: Moment) {
        self.why = Some(why);
        self.together = None;
        let budget = budget.unwrap_or(Budget { stop: self.stop_timeout, settle: self.settle });
        self.settle = budget.settle;
        let deadline = now.saturating_add(budget.stop.min(self.stop_timeout));
        let serves = self.slots.iter().any(|slot| slot.state == State::Ready);
        let until = now.saturating_add(self.lame_duck).min(deadline);
        if why == Why::Asked && serves && until > now {
            self.phase = Phase::LameDuck { until, deadline };
            self.wake_at(until);
            for i in 0..self.slots.len() {
                if matches!(self.slots[i].state, State::Waiting | State::Backoff) {
                    self.aim(i, Goal::End, StopWhy::All);
                }
            }
        } else {
            self.drain(deadline, now);
        }
    }

    /// Lets all parts stop, each when those that depend on it are gone.
    fn drain(&mut self, deadline: Moment, now: Moment) {
        self.phase = Phase::Stopping { deadline };
        self.wake_at(deadline);
        self.plan_reserves(deadline.saturating_sub(now));
        for i in 0..self.slots.len() {
            if !self.slots[i].is_over() {
                self.aim(i, Goal::End, StopWhy::All);
            }
        }
    }

    /// Works out how long those that stop after each part need, so that one that uses up its time does not leave them without any.
    ///
    /// A part without a budget of its own counts for a tenth of the whole.
    fn plan_reserves(&mut self, whole: Duration) {
        self.reserves.clear();
        if self.slots.iter().all(|slot| slot.after.is_empty()) {
            return;
        }
        self.reserves.resize(self.slots.len(), Duration::ZERO);
        let mut unplanned: Vec<usize> = self.slots.iter().map(|slot| slot.after.len()).collect();
        let mut planned: Vec<usize> = (0..unplanned.len()).filter(|&i| unplanned[i] == 0).collect();
        while let Some(i) = planned.pop() {
            let slot = &self.slots[i];
            let own = if slot.is_over() { Duration::ZERO } else { slot.stop_timeout().unwrap_or(whole / 10) };
            let reserve = self.reserves[i] + own;
            for &(to, _) in &slot.dependents {
                let to = to as usize;
                self.reserves[to] = self.reserves[to].max(reserve);
                unplanned[to] -= 1;
                if unplanned[to] == 0 {
                    planned.push(to);
                }
            }
        }
    }

    /// Until when part `i` may take to stop if it is told now.
    pub(super) fn stop_deadline(&self, i: usize, now: Moment) -> Moment {
        let slot = &self.slots[i];
        let time = match self.phase {
            Phase::Stopping { deadline } => {
                let left = deadline.saturating_sub(now);
                let reserve = self.reserves.get(i).copied().unwrap_or_default();
                let fair = left.saturating_sub(reserve.min(left / 2));
                slot.stop_timeout().map_or(fair, |own| own.min(fair))
            }
            Phase::LameDuck { deadline, .. } => {
                let left = deadline.saturating_sub(now);
                slot.stop_timeout().map_or(left, |own| own.min(left))
            }
            Phase::Aborting => Duration::ZERO,
            Phase::Idle | Phase::Playing | Phase::Finished => slot.stop_timeout().unwrap_or(self.stop_timeout),
        };
        now.saturating_add(time)
    }

    /// The timer of the whole has fired.
    pub(super) fn common_timer(&mut self, now: Moment) {
        match self.phase {
            Phase::LameDuck { until, deadline } if until <= now => self.drain(deadline, now),
            Phase::Stopping { deadline } if deadline <= now => self.abort_rest(End::Overran, now),
            _ => {}
        }
    }

    /// Aborts everything, at once.
    pub(super) fn abort_all(&mut self, now: Moment) {
        if self.phase == Phase::Finished {
            return;
        }
        self.pending = None;
        self.together = None;
        self.why.get_or_insert(Why::Asked);
        self.abort_rest(End::Aborted, now);
    }

    fn abort_rest(&mut self, end: End, now: Moment) {
        self.phase = Phase::Aborting;
        for i in 0..self.slots.len() {
            if self.slots[i].is_over() {
                continue;
            }
            self.aim(i, Goal::End, StopWhy::All);
            if matches!(self.slots[i].state, State::Starting | State::Ready) {
                // It is told as well, so that its context says why.
                self.tell(i, now);
            }
            if self.slots[i].state == State::Stopping {
                self.abort(i, end, now);
            }
        }
    }

    /// Aborts the run of part `i`, which will count as ended by `end`.
    pub(super) fn abort(&mut self, i: usize, end: End, now: Moment) {
        let until = now.saturating_add(self.settle);
        self.change(i, |slot| {
            slot.enter(State::Aborting, Some(until), now);
            slot.aborted = Some(end);
        });
        self.actions.push(Action::Abort { part: id(i), run: self.slots[i].run });
    }
}
