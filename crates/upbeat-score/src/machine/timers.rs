//! The timers: one for each slot that needs one, and one for the phase.

use std::{cmp::Reverse, time::Duration};

use super::{
    Machine,
    action::{End, PartState},
};
use crate::moment::Moment;

/// The timer that belongs to no part: the end of a phase, or the delay of a group restart.
const PHASE_TIMER: u32 = u32::MAX;

/// Stale timers are swept out above this number.
const MAX_STALE: usize = 64;

impl Machine {
    /// Sets the timer that belongs to no part.
    pub(super) fn wake_at(&mut self, at: Moment) {
        self.timers.push(Reverse((at, PHASE_TIMER)));
    }

    /// Returns the time of the first timer that is not stale.
    pub(super) fn next_timer(&mut self) -> Option<Moment> {
        // Most parts are ready long before their timer. Without the sweep those timers would pile
        // up.
        if self.stale > MAX_STALE && self.stale > self.timers.len() / 2 {
            let mut timers = std::mem::take(&mut self.timers);
            timers.retain(|Reverse((at, i))| self.is_set(*at, *i));
            timers.shrink_to(1024);
            self.timers = timers;
            self.stale = 0;
        }
        while let Some(&Reverse((at, i))) = self.timers.peek() {
            if self.is_set(at, i) {
                return Some(at);
            }
            self.timers.pop();
        }
        None
    }

    fn is_set(&self, at: Moment, i: u32) -> bool {
        match self.slots.get(i as usize) {
            Some(slot) => slot.timer() == Some(at),
            None => self.group_restart == Some(at) || self.phase.timer() == Some(at),
        }
    }

    /// Gives runs more time to become ready, and aborted runs more time to end, if the first timer
    /// is late by `standstill` or more: then the whole process has stood still.
    ///
    /// Runs whose time is over have all of it again, because it is not known how much of it they
    /// had. The others have as much more as that timer is late. Deadlines of a stop remain: they
    /// are promised to an observer whose clock went on.
    pub fn forgive(&mut self, standstill: Duration, now: Moment) {
        let late = self.next_timer().map_or(Duration::ZERO, |at| now.saturating_sub(at));
        if late < standstill {
            return;
        }
        for i in 0..self.slots.len() {
            let slot = &self.slots[i];
            let (state, since) = (slot.state, slot.since());
            let whole = match state {
                PartState::Starting => slot.ready_timeout(),
                PartState::Aborting => self.settle,
                _ => continue,
            };
            if let Some(at) = slot.timer() {
                let later = if at <= now { now.checked_add(whole) } else { at.checked_add(late) };
                self.change(i, |slot| slot.enter(state, later, since));
            }
        }
    }

    /// Fires all timers that are due.
    pub(super) fn fire_timers(&mut self, now: Moment) {
        while let Some(at) = self.next_timer()
            && at <= now
        {
            let Some(Reverse((_, i))) = self.timers.pop() else { break };
            if i == PHASE_TIMER {
                self.end_phase(now);
                continue;
            }
            let i = i as usize;
            match self.slots[i].state {
                PartState::Starting => self.start_timed_out(i, now),
                PartState::Stopping => self.abort(i, End::Overran, now),
                PartState::Aborting => self.leak(i, now),
                PartState::Backoff => self.change(i, |slot| slot.enter(PartState::Waiting, None, now)),
                PartState::Waiting | PartState::Ready | PartState::Over(_) => self.slots[i].clear_timer(),
            }
        }
    }
}
