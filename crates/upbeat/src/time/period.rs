//! Times at a fixed distance.

use tokio::{
    task::yield_now,
    time::{Duration, Instant, sleep_until},
};

use super::schedule::{Schedule, later};

/// What follows when a tick is due and the one before it has not ended: the late tick begins as soon as it can, and then?
///
/// With a period of 10 s and a tick that is due at 20 and begins at 47:
///
/// | | the next ticks are due at |
/// |---|---|
/// | `Skip` | 50, 60, 70 |
/// | `Burst` | 30, 40 (both begin at once), 50, 60 |
/// | `Delay` | 57, 67, 77 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTick {
    /// The ticks that were missed are left out, and those that follow are due when they always were.
    #[default]
    Skip,
    /// The ticks that were missed are made up for, one after another without a pause.
    Burst,
    /// The ticks that follow are due a period after the late one has begun, and so on: the only choice that shifts them.
    Delay,
}

/// Times at a fixed distance, counted from the first one, so that lateness does not add up.
pub(super) struct Period {
    due: Instant,
    length: Duration,
    missed: MissedTick,
}

impl Period {
    pub(super) fn new(first: Instant, length: Duration, missed: MissedTick) -> Self {
        Self { due: first, length, missed }
    }

    /// What is due after a tick that could begin at `now`, and was due before.
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
    async fn next(&mut self) -> Instant {
        let (due, now) = (self.due, Instant::now());
        // Only who asks too late has missed something: a timer that fires a little late has not.
        if due < now {
            // There may be many to make up for, of ticks that never wait.
            yield_now().await;
            self.due = self.after_late(now);
        } else {
            sleep_until(due).await;
            self.due = later(due, self.length);
        }
        due
    }
}
