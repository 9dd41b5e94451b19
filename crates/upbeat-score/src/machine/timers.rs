//! The timers: one for each slot that needs one, and one for the phase.

use std::cmp::Reverse;

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
