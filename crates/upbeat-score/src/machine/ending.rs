//! The end of a run: its classification, the restart that may follow, and the consequences for
//! other parts.

use super::{
    Machine,
    action::{Action, Cause, End, PartState, StopReason},
    event::RunEnd,
    phase::Phase,
    slot::{Goal, Verdict, id},
};
use crate::{
    moment::Moment,
    score::{Kind, Strategy},
};

impl Machine {
    /// Handles the end of the current run of part `i`: nothing of it is left.
    pub(super) fn run_ended(&mut self, i: usize, how: RunEnd, now: Moment) {
        if self.slots[i].state == PartState::Over(End::Leaked) {
            // It is gone after all, so the report must not call it leaked.
            self.finish_part(i, End::Overran, now);
            return;
        }
        if !self.slots[i].state.is_live() {
            return;
        }
        let end = self.classify(i, how);
        match self.slots[i].goal {
            Goal::End => self.finish_part(i, end, now),
            Goal::Restart => {
                let not_before = self.slots[i].restarter.as_mut().and_then(|restarter| restarter.not_before.take());
                self.schedule_run(i, not_before.unwrap_or(now), now);
            }
            Goal::Play => {
                if how == RunEnd::RestartRequested {
                    self.slots[i].allow_restart();
                }
                let wanted = how == RunEnd::RestartRequested || self.slots[i].wants_restart(end);
                if let Some(at) = self.decide_restart(i, wanted, now) {
                    self.schedule_run(i, at, now);
                } else {
                    if !end.is_clean() {
                        self.escalate(i, now);
                    } else if self.slots[i].stops_all {
                        self.request_stop(Cause::EndedBy(id(i)), None);
                    }
                    self.finish_part(i, end, now);
                }
            }
        }
    }

    /// Returns the end of the run of part `i` that ended as `how`.
    fn classify(&self, i: usize, how: RunEnd) -> End {
        let slot = &self.slots[i];
        if let Some(verdict) = slot.verdict {
            return verdict.into();
        }
        let asked = slot.goal != Goal::Play;
        match how {
            RunEnd::Aborted => slot.aborted.unwrap_or(End::Failed),
            RunEnd::Ok | RunEnd::RestartRequested if asked => End::Stopped,
            RunEnd::Failed | RunEnd::RestartRequested => End::Failed,
            RunEnd::Ok if slot.kind == Kind::Job || slot.stops_all => End::Completed,
            RunEnd::Ok => End::FinishedEarly,
        }
    }

    /// Decides whether another run of part `i` follows, and when. Also restarts the parts that the
    /// strategy restarts with it.
    fn decide_restart(&mut self, i: usize, wanted: bool, now: Moment) -> Option<Moment> {
        if !wanted || self.phase != Phase::Playing || self.pending_stop.is_some() {
            return None;
        }
        let together = self.restarted_together(i);
        if together.iter().chain([&i]).any(|&i| !self.slots[i].restartable) {
            // The check refuses such parts. But a player may request a restart without a policy.
            return None;
        }
        let slot = &mut self.slots[i];
        let at = now.saturating_add(slot.restarter.as_mut()?.next(now, &mut self.rng)?);
        for other in together {
            self.set_goal(other, Goal::Restart, StopReason::With(id(i)));
        }
        if self.strategy == Strategy::OneForAll {
            self.group_restart = Some(self.group_restart.map_or(at, |other| other.max(at)));
            self.wake_at(at);
        }
        self.actions.push(Action::Retry { part: id(i), at });
        Some(at)
    }

    /// Returns the parts that play and that the strategy restarts together with part `i`.
    fn restarted_together(&self, i: usize) -> Vec<usize> {
        let mut together = match self.strategy {
            Strategy::OneForOne => Vec::new(),
            Strategy::RestForOne => self.all_dependents(i),
            Strategy::OneForAll => (0..self.slots.len()).filter(|&other| other != i).collect(),
        };
        together.retain(|&other| self.slots[other].state.is_live() && self.slots[other].goal == Goal::Play);
        together
    }

    /// Returns all parts that depend on part `i`, directly or not.
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

    /// Schedules the next run of part `i`, which has none.
    fn schedule_run(&mut self, i: usize, not_before: Moment, now: Moment) {
        self.change(i, |slot| {
            slot.goal = Goal::Play;
            if not_before > now {
                slot.enter(PartState::Backoff, Some(not_before), now);
            } else {
                slot.enter(PartState::Waiting, None, now);
            }
        });
    }

    /// Restarts part `i` on request.
    pub(super) fn restart_on_request(&mut self, i: usize, now: Moment) {
        if self.phase != Phase::Playing || self.pending_stop.is_some() || self.slots[i].removing {
            return;
        }
        match self.slots[i].state {
            PartState::Over(End::Leaked) | PartState::Waiting => {}
            PartState::Over(_) | PartState::Backoff => self.schedule_run(i, now, now),
            _ => self.set_goal(i, Goal::Restart, StopReason::Restart),
        }
    }

    /// Handles a run of part `i` that was not ready in time.
    pub(super) fn start_timed_out(&mut self, i: usize, now: Moment) {
        if self.slots[i].goal != Goal::Play {
            // It will stop anyway, and waits for the parts that stop before it.
            self.slots[i].clear_timer();
            return;
        }
        self.fail_run(i, Verdict::NotReady, StopReason::NotReady, false, now);
    }

    /// Handles a run of part `i` that has missed its heartbeat.
    pub(super) fn unresponsive(&mut self, i: usize, restart: bool, now: Moment) {
        let slot = &mut self.slots[i];
        if matches!(slot.state, PartState::Starting | PartState::Ready) && slot.goal == Goal::Play {
            if restart {
                slot.allow_restart();
            }
            self.fail_run(i, Verdict::Unresponsive, StopReason::Unresponsive, restart, now);
        }
    }

    /// Fails the run of part `i` before its end. The run is stopped, and whether another follows is
    /// decided now.
    fn fail_run(&mut self, i: usize, verdict: Verdict, reason: StopReason, restart: bool, now: Moment) {
        self.slots[i].verdict = Some(verdict);
        let wanted = restart || self.slots[i].wants_restart(verdict.into());
        if let Some(at) = self.decide_restart(i, wanted, now) {
            if let Some(restarter) = &mut self.slots[i].restarter {
                restarter.not_before = Some(at);
            }
            self.set_goal(i, Goal::Restart, reason);
        } else {
            self.escalate(i, now);
            self.set_goal(i, Goal::End, reason);
        }
    }

    /// Handles a run of part `i` that is still there after its abort.
    pub(super) fn leak(&mut self, i: usize, now: Moment) {
        if self.slots[i].goal != Goal::End {
            // No run may begin beside the rest of another.
            self.escalate(i, now);
        }
        self.finish_part(i, End::Leaked, now);
    }

    /// Ends part `i` for good.
    pub(super) fn finish_part(&mut self, i: usize, end: End, now: Moment) {
        self.change(i, |slot| {
            slot.goal = Goal::End;
            slot.enter(PartState::Over(end), None, now);
        });
        self.actions.push(Action::Over { part: id(i), end });
        if self.slots[i].removing {
            self.free_slot(i);
        }
    }
}
