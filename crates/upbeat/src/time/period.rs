//! Times at a fixed interval.

use tokio::{
    task::yield_now,
    time::{Duration, Instant, sleep_until},
};

use super::schedule::Schedule;
use crate::{error::BoxError, instant::later};

/// A policy for the ticks that become due before an earlier tick has ended.
///
/// The late tick begins as soon as it can. The policy decides when the following ticks are due. For
/// a period of 10 s, and a tick that is due at 20 and begins at 47:
///
/// | | the next ticks are due at |
/// |---|---|
/// | `Skip` | 50, 60, 70 |
/// | `Burst` | 30, 40 (both begin at once), 50, 60 |
/// | `Delay` | 57, 67, 77 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissedTick {
    /// Leaves missed ticks out. The following ticks keep their times.
    #[default]
    Skip,
    /// Plays missed ticks one after another without a pause.
    Burst,
    /// Counts the following ticks from the begin of the late one. Only this policy shifts them.
    Delay,
}

/// Times at a fixed interval, counted from the first one, so that delays do not add up.
pub(super) struct Period {
    due: Instant,
    length: Duration,
    missed: MissedTick,
}

impl Period {
    pub(super) fn new(first: Instant, length: Duration, missed: MissedTick) -> Self {
        Self { due: first, length, missed }
    }

    /// Returns the time that follows a missed one, if the late tick begins at `now`.
    fn after_late(&self, now: Instant) -> Instant {
        match self.missed {
            MissedTick::Burst => later(self.due, self.length),
            MissedTick::Delay => later(now, self.length),
            MissedTick::Skip => {
                let over = now.duration_since(self.due).as_nanos() % self.length.as_nanos();
                later(now, self.length.saturating_sub(Duration::from_nanos_u128(over)))
            }
        }
    }
}

impl Schedule for Period {
    async fn next(&mut self) -> Result<Instant, BoxError> {
        let (due, now) = (self.due, Instant::now());
        // A time is missed if this call comes too late. A timer that fires a little late misses
        // none.
        if due < now {
            // A burst of ticks that never wait must let other tasks run.
            yield_now().await;
            self.due = self.after_late(now);
        } else {
            sleep_until(due).await;
            self.due = later(due, self.length);
        }
        Ok(due)
    }
}
