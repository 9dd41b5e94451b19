//! What the end of a run means: whether it was wanted, whether another run follows, and what becomes of the others.

use super::{
    core::Machine,
    slot::{Goal, Verdict, id},
    stopping::Phase,
    types::{Action, End, Ended, Moment, State, StopWhy, Why},
};
use crate::{Kind, Strategy};

impl Machine {
    /// The current run of part `i` is gone.
    pub(super) fn gone(&mut self, i: usize, how: Ended, now: Moment) {
        if self.slots[i].state == State::Over(End::Leaked) {
            // It was given up on, and is gone after all: the report must not call it left behind.
            self.over(i, End::Overran, now);
            return;
        }
        if !self.slots[i].state.is_live() {
            return;
        }
        let end = self.judge(i, how);
        match self.slots[i].goal {
            Goal::End => self.over(i, end, now),
            Goal::Again => {
                let not_before = self.slots[i].restarter.as_mut().and_then(|restarter| restarter.not_before.take());
                self.again(i, not_before.unwrap_or(now), now);
            }
            Goal::Play => {
                if how == Ended::RestartRequested {
                    self.slots[i].may_restart();
                }
                let wanted = how == Ended::RestartRequested || self.slots[i].wants_restart(end);
                if let Some(at) = self.decide_restart(i, wanted, now) {
                    self.again(i, at, now);
                } else {
                    if !end.is_clean() {
                        self.fail_for_good(i, now);
                    } else if self.slots[i].stops_all {
                        self.request_stop(Why::EndedBy(id(i)), None);
                    }
                    self.over(i, end, now);
                }
            }
        }
    }

    /// How the run of part `i` is to be called, which ended as `how`.
    fn judge(&self, i: usize, how: Ended) -> End {
        let slot = &self.slots[i];
        if let Some(verdict) = slot.verdict {
            return verdict.into();
        }
        let asked = slot.goal != Goal::Play;
        match how {
            Ended::Aborted => slot.aborted.unwrap_or(End::Failed),
            Ended::Ok | Ended::RestartRequested if asked => End::Stopped,
            Ended::Failed | Ended::RestartRequested => End::Failed,
            Ended::Ok if slot.kind == Kind::Job || slot.stops_all => End::Completed,
            Ended::Ok => End::FinishedEarly,
        }
    }

    /// Decides whether another run of part `i` follows, and when; marks those that the strategy restarts with it.
    fn decide_restart(&mut self, i: usize, wanted: bool, now: Moment) -> Option<Moment> {
        if !wanted || self.phase != Phase::Playing || self.pending.is_some() {
            return None;
        }
        let slot = &mut self.slots[i];
        let at = now.saturating_add(slot.restarter.as_mut()?.next(now, &mut self.rng)?);
        match self.strategy {
            Strategy::OneForOne => {}
            Strategy::RestForOne => {
                for dependent in self.all_dependents(i) {
                    self.restart_with(dependent, i);
                }
            }
            Strategy::OneForAll => {
                for other in 0..self.slots.len() {
                    if other != i {
                        self.restart_with(other, i);
                    }
                }
                self.together = Some(self.together.map_or(at, |other| other.max(at)));
                self.wake_at(at);
            }
        }
        self.actions.push(Action::Retry { part: id(i), at });
        Some(at)
    }

    fn restart_with(&mut self, other: usize, failed: usize) {
        let slot = &self.slots[other];
        if slot.state.is_live() && slot.goal == Goal::Play {
            self.aim(other, Goal::Again, StopWhy::With(id(failed)));
        }
    }

    /// All parts that depend on part `i`, directly or not.
    fn all_dependents(&self, i: usize) -> Vec<usize> {
        let mut seen = vec![false; self.slots.len()];
        let (mut open, mut all) = (vec![i], Vec::new());
        while let Some(i) = open.pop() {
            for &(to, _) in &self.slots[i].dependents {
                if !std::mem::replace(&mut seen[to as usize], true) {
                    all.push(to as usize);
                    open.push(to as usize);
                }
            }
        }
        all
    }

    /// Part `i`, whose run is gone, waits for its next.
    fn again(&mut self, i: usize, not_before: Moment, now: Moment) {
        self.change(i, |slot| {
            slot.goal = Goal::Play;
            if not_before > now {
                slot.enter(State::Backoff, Some(not_before), now);
            } else {
                slot.enter(State::Waiting, None, now);
            }
        });
    }

    pub(super) fn restart_by_hand(&mut self, i: usize, now: Moment) {
        if self.phase != Phase::Playing || self.pending.is_some() || self.slots[i].removing {
            return;
        }
        match self.slots[i].state {
            State::Over(End::Leaked) | State::Waiting => {}
            State::Over(_) | State::Backoff => self.again(i, now, now),
            _ => self.aim(i, Goal::Again, StopWhy::Restart),
        }
    }

    /// The run of part `i` was not ready in time.
    pub(super) fn not_ready_in_time(&mut self, i: usize, now: Moment) {
        if self.slots[i].goal != Goal::Play {
            // It is to be stopped anyway, and waits for those that stop before it.
            self.slots[i].clear_timer();
            return;
        }
        self.condemn(i, Verdict::NotReady, StopWhy::NotReady, false, now);
    }

    /// The run of part `i` has given no sign of life for too long.
    pub(super) fn unresponsive(&mut self, i: usize, restart: bool, now: Moment) {
        let slot = &mut self.slots[i];
        if matches!(slot.state, State::Starting | State::Ready) && slot.goal == Goal::Play {
            if restart {
                slot.may_restart();
            }
            self.condemn(i, Verdict::Unresponsive, StopWhy::Unresponsive, restart, now);
        }
    }

    /// The run of part `i` has failed before its end: it is stopped, and what follows is decided now.
    fn condemn(&mut self, i: usize, verdict: Verdict, why: StopWhy, restart: bool, now: Moment) {
        self.slots[i].verdict = Some(verdict);
        let wanted = restart || self.slots[i].wants_restart(verdict.into());
        if let Some(at) = self.decide_restart(i, wanted, now) {
            if let Some(restarter) = &mut self.slots[i].restarter {
                restarter.not_before = Some(at);
            }
            self.aim(i, Goal::Again, why);
        } else {
            self.fail_for_good(i, now);
            self.aim(i, Goal::End, why);
        }
    }

    /// The run of part `i` was aborted and is still not gone.
    pub(super) fn leak(&mut self, i: usize, now: Moment) {
        if self.slots[i].goal != Goal::End {
            // No new run may begin beside what is left of the old one.
            self.fail_for_good(i, now);
        }
        self.over(i, End::Leaked, now);
    }

    /// Part `i` has ended for good.
    pub(super) fn over(&mut self, i: usize, end: End, now: Moment) {
        self.change(i, |slot| {
            slot.goal = Goal::End;
            slot.enter(State::Over(end), None, now);
        });
        self.actions.push(Action::Over { part: id(i), end });
        if self.slots[i].removing {
            self.forget(i);
        }
    }
}
