//! The one place where a part changes, and the propagation of its consequences.

use std::cmp::Reverse;

use super::{
    Machine,
    action::{Action, Cause, End, PartId, PartState, StopReason},
    phase::Phase,
    slot::{Goal, Slot, id},
};
use crate::{moment::Moment, score::Condition};

const CONDITIONS: [Condition; 3] = [Condition::Started, Condition::Ready, Condition::Finished];

/// The largest number of parts that are started or asked to stop by one call. The driver handles
/// the events of the first ones before the next call.
const MAX_BATCH: usize = 1024;

impl Machine {
    /// Changes part `i`. Keeps all counters that depend on it, and marks the parts to evaluate
    /// again.
    ///
    /// No other code changes a slot in a way that a counter depends on.
    pub(super) fn change(&mut self, i: usize, change: impl FnOnce(&mut Slot)) {
        let slot = &mut self.slots[i];
        let (timer, live, over) = (slot.timer(), slot.state.is_live(), slot.is_over());
        let ready = slot.counts_as_ready();
        let held = CONDITIONS.map(|condition| slot.holds(condition));
        change(slot);
        let holds = CONDITIONS.map(|condition| slot.holds(condition));
        let is_over = slot.is_over();
        self.live = self.live + usize::from(slot.state.is_live()) - usize::from(live);
        self.open = self.open + usize::from(over) - usize::from(is_over);
        self.unready = self.unready + usize::from(ready) - usize::from(slot.counts_as_ready());
        if slot.timer() != timer {
            self.stale += usize::from(timer.is_some());
            if let Some(at) = slot.timer() {
                self.timers.push(Reverse((at, id(i).0)));
            }
        }
        self.dirty.push(id(i).0);

        self.count_blockers(i);
        if held != holds || over != is_over {
            let dependents = std::mem::take(&mut self.slots[i].dependents);
            for &(to, condition) in &dependents {
                let unmet = &mut self.slots[to as usize].unmet;
                *unmet = *unmet + u32::from(held[condition as usize]) - u32::from(holds[condition as usize]);
                self.dirty.push(to);
            }
            self.slots[i].dependents = dependents;
        }
    }

    /// Keeps the blocker counts of the dependencies of part `i`. Where a dependency is gone itself,
    /// the change reaches through to its dependencies.
    fn count_blockers(&mut self, i: usize) {
        if self.slots[i].blocking == self.slots[i].is_blocking() {
            return;
        }
        let mut open = vec![i];
        while let Some(i) = open.pop() {
            let is_blocking = self.slots[i].is_blocking();
            if std::mem::replace(&mut self.slots[i].blocking, is_blocking) == is_blocking {
                continue;
            }
            let after = std::mem::take(&mut self.slots[i].after);
            for &(to, _) in &after {
                let dependency = &mut self.slots[to as usize];
                dependency.blockers = dependency.blockers + u32::from(is_blocking) - u32::from(!is_blocking);
                if dependency.blockers == 0 {
                    self.dirty.push(to);
                }
                open.push(to as usize);
            }
            self.slots[i].after = after;
        }
    }

    /// Sets the goal of part `i`, and the reason that its run receives if it is asked to stop.
    pub(super) fn set_goal(&mut self, i: usize, goal: Goal, reason: StopReason) {
        self.change(i, |slot| {
            slot.goal = goal;
            slot.reason = reason;
        });
    }

    pub(super) fn mark_all_dirty(&mut self) {
        // In reverse, because the list is popped from its end: parts start in the order of their
        // declaration.
        self.dirty.extend((0..id(self.slots.len()).0).rev());
    }

    /// Propagates all consequences of what has changed.
    pub(super) fn propagate(&mut self, now: Moment) {
        let mut steps = 0;
        loop {
            if let Some(i) = self.dirty.pop() {
                self.evaluate(i as usize, now);
            } else if let Some((cause, budget)) = self.pending_stop.take() {
                self.begin_stop(cause, budget, now);
            } else if self.live == 0 && self.group_restart.is_some_and(|at| at <= now) {
                self.group_restart = None;
                self.mark_all_dirty();
            } else if steps < MAX_BATCH
                && let Some(i) = self.due.pop_front()
            {
                steps += 1;
                let i = i as usize;
                if self.may_start(i) {
                    self.start(i, now);
                } else if self.may_stop(i) {
                    self.ask_to_stop(i, now);
                }
            } else {
                break;
            }
        }
        if self.open == 0 && !matches!(self.phase, Phase::Idle | Phase::Finished) {
            self.cause.get_or_insert(Cause::AllDone);
            self.phase = Phase::Finished;
            self.actions.push(Action::Finished);
        }
    }

    /// Evaluates what part `i` is due for.
    fn evaluate(&mut self, i: usize, now: Moment) {
        let slot = &self.slots[i];
        match slot.state {
            PartState::Waiting | PartState::Backoff if slot.goal == Goal::End => {
                let end = match (self.broken_dependency(i), slot.runs) {
                    (because @ Some(_), _) | (because, 0) => End::NeverStarted { because },
                    _ => End::Stopped,
                };
                self.finish_part(i, end, now);
            }
            PartState::Waiting if self.may_start(i) => self.due.push_back(id(i).0),
            PartState::Waiting if self.phase == Phase::Playing && slot.unmet > 0 => {
                if let Some(dependency) = self.broken_dependency(i) {
                    self.escalate(i, now);
                    self.finish_part(i, End::NeverStarted { because: Some(dependency) }, now);
                }
            }
            _ if self.may_stop(i) => self.due.push_back(id(i).0),
            _ => {}
        }
    }

    fn may_start(&self, i: usize) -> bool {
        let slot = &self.slots[i];
        let open = self.phase == Phase::Playing && self.pending_stop.is_none() && self.group_restart.is_none();
        open && slot.state == PartState::Waiting && slot.unmet == 0 && slot.blockers == 0
    }

    fn may_stop(&self, i: usize) -> bool {
        let slot = &self.slots[i];
        matches!(slot.state, PartState::Starting | PartState::Ready) && slot.goal != Goal::Play && slot.blockers == 0
    }

    /// Returns the first dependency of part `i` whose condition can no longer hold.
    fn broken_dependency(&self, i: usize) -> Option<PartId> {
        let playing = self.phase == Phase::Playing;
        let broken = self.slots[i].after.iter().find(|(to, condition)| {
            let dependency = &self.slots[*to as usize];
            // During a stop, a dependency that ended cleanly was stopped as well and broke nothing.
            dependency.never_holds(*condition) && (playing || dependency.ended_badly())
        });
        broken.map(|(to, _)| PartId(*to))
    }

    fn start(&mut self, i: usize, now: Moment) {
        self.next_run += 1;
        let run = self.next_run;
        let mut attempt = 0;
        self.change(i, |slot| {
            slot.enter(PartState::Starting, now.checked_add(slot.ready_timeout()), now);
            attempt = slot.runs;
            slot.run = run;
            slot.runs += 1;
            if let Some(restarter) = &mut slot.restarter {
                restarter.ready_at = None;
            }
            slot.verdict = None;
            slot.degraded = false;
            slot.aborted = None;
        });
        self.actions.push(Action::Start { part: id(i), run, attempt });
    }

    /// Asks the run of part `i` to stop.
    pub(super) fn ask_to_stop(&mut self, i: usize, now: Moment) {
        let deadline = self.stop_deadline(i, now);
        // The phase's timer serves the many parts that share its deadline.
        let timer = (self.phase.timer() != Some(deadline)).then_some(deadline);
        self.change(i, |slot| slot.enter(PartState::Stopping, timer, now));
        let slot = &self.slots[i];
        self.actions.push(Action::Stop { part: id(i), run: slot.run, deadline, reason: slot.reason });
    }
}
