//! The ticks of a calendar on a wall clock that may be set.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Duration;

use super::{calendar::Calendar, error::CronError};

/// The shortest setback of the clock after which ticks at intervals follow the new time. Clocks are
/// adjusted by less, and must not repeat a tick by that.
const MIN_SETBACK: SignedDuration = SignedDuration::from_mins(1);

/// The shortest setback of the clock after which fixed times are repeated. A shorter one may be
/// a change to winter time that was set by hand.
const MIN_SETBACK_OF_FIXED_TIMES: SignedDuration = SignedDuration::from_hours(3);

/// The ticks of a calendar. Pure: it is told the time.
#[derive(Debug)]
pub(super) struct CalendarTimes {
    calendar: Calendar,
    /// The time up to which all times have become ticks.
    seen: Timestamp,
}

/// The next tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextTick {
    /// It is due since that long.
    Due(Duration),
    /// It is due in that long, unless the clock is set.
    In(Duration),
    /// There is none.
    Never,
}

impl CalendarTimes {
    /// Returns the ticks after `now`.
    pub(super) fn new(calendar: Calendar, now: Timestamp) -> Self {
        Self { calendar, seen: now }
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Returns the next tick at the time `now` of the wall clock. A tick that is due is returned
    /// once, and contains all times up to `now`.
    pub(super) fn next(&mut self, now: Timestamp) -> Result<NextTick, CronError> {
        let min_setback = if self.calendar.is_fixed { MIN_SETBACK_OF_FIXED_TIMES } else { MIN_SETBACK };
        if self.seen.duration_since(now) >= min_setback {
            self.seen = now;
        }
        let Some(due) = self.calendar.next_after(self.seen)? else { return Ok(NextTick::Never) };
        self.seen = self.seen.max(now);
        // Unsigned, as the sign is that of the comparison.
        let distance = due.duration_since(now).unsigned_abs();
        Ok(if due <= now { NextTick::Due(distance) } else { NextTick::In(distance) })
    }
}
