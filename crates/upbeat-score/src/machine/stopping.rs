//! The stop of all parts: in the reverse of the edges, inside one budget.

use std::time::Duration;

use super::{
    Machine,
    action::{Action, Cause, End, PartState, StopReason},
    phase::Phase,
    slot::{Goal, id},
};
use crate::{budget::Budget, moment::Moment, score::OnFailure};

impl Machine {
    /// Decides on a stop, which begins after all other consequences of the event. The first cause
    /// is kept.
    pub(super) fn request_stop(&mut self, cause: Cause, budget: Option<Budget>) {
        if matches!(self.phase, Phase::Idle | Phase::Playing) && self.pending_stop.is_none() {
            self.pending_stop = Some((cause, budget));
        }
    }

    /// Carries the final failure of part `i` to the whole, unless it is ignored.
    pub(super) fn escalate(&mut self, i: usize, now: Moment) {
        if self.slots[i].on_failure == OnFailure::Ignore {
            return;
        }
        if let Phase::LameDuck { deadline, .. } = self.phase {
            // The rest of the lame duck period would serve no purpose.
            self.drain(deadline, now);
        } else {
            self.request_stop(Cause::Failed(id(i)), None);
        }
    }

    /// Begins the stop: with the lame duck period if it was requested and a part is ready.
    pub(super) fn begin_stop(&mut self, cause: Cause, budget: Option<Budget>, now: Moment) {
        self.cause = Some(cause);
        self.group_restart = None;
        let budget = budget.unwrap_or(Budget { stop: self.stop_timeout, settle: self.settle });
        self.settle = budget.settle;
        let deadline = now.saturating_add(budget.stop.min(self.stop_timeout));
        let any_ready = self.slots.iter().any(|slot| slot.state == PartState::Ready);
        let until = now.saturating_add(self.lame_duck).min(deadline);
        if cause == Cause::Requested && any_ready && until > now {
            self.phase = Phase::LameDuck { until, deadline };
            self.wake_at(until);
            for i in 0..self.slots.len() {
                if matches!(self.slots[i].state, PartState::Waiting | PartState::Backoff) {
                    self.set_goal(i, Goal::End, StopReason::All);
                }
            }
        } else {
            self.drain(deadline, now);
        }
    }

    /// Lets all parts stop, each when its dependents are gone.
    fn drain(&mut self, deadline: Moment, now: Moment) {
        self.phase = Phase::Stopping { deadline };
        self.wake_at(deadline);
        self.plan_reserves(deadline.saturating_sub(now));
        for i in 0..self.slots.len() {
            if !self.slots[i].is_over() {
                self.set_goal(i, Goal::End, StopReason::All);
            }
        }
    }

    /// Computes for each part the time that the parts behind it need, so that a part that uses up
    /// its time leaves them some.
    ///
    /// A part without its own stop timeout counts for a tenth of the whole.
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
            let reserve = self.reserves[i].saturating_add(own);
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

    /// Returns the stop deadline of part `i` if it is asked to stop now.
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

    /// Ends the phase whose timer has fired.
    pub(super) fn end_phase(&mut self, now: Moment) {
        match self.phase {
            Phase::LameDuck { until, deadline } if until <= now => self.drain(deadline, now),
            Phase::Stopping { deadline } if deadline <= now => self.abort_rest(End::Overran, now),
            _ => {}
        }
    }

    /// Aborts all runs at once.
    pub(super) fn abort_all(&mut self, now: Moment) {
        if self.phase == Phase::Finished {
            return;
        }
        self.pending_stop = None;
        self.group_restart = None;
        self.cause.get_or_insert(Cause::Requested);
        self.abort_rest(End::Aborted, now);
    }

    /// Aborts all runs that are left.
    fn abort_rest(&mut self, end: End, now: Moment) {
        self.phase = Phase::Aborting;
        for i in 0..self.slots.len() {
            if self.slots[i].is_over() {
                continue;
            }
            self.set_goal(i, Goal::End, StopReason::All);
            if matches!(self.slots[i].state, PartState::Starting | PartState::Ready) {
                // It is asked as well, so that its context returns the reason.
                self.ask_to_stop(i, now);
            }
            if self.slots[i].state == PartState::Stopping {
                self.abort(i, end, now);
            }
        }
    }

    /// Aborts the run of part `i`, which ends as `end`.
    pub(super) fn abort(&mut self, i: usize, end: End, now: Moment) {
        let until = now.saturating_add(self.settle);
        self.change(i, |slot| {
            slot.enter(PartState::Aborting, Some(until), now);
            slot.aborted = Some(end);
        });
        self.actions.push(Action::Abort { part: id(i), run: self.slots[i].run });
    }
}
