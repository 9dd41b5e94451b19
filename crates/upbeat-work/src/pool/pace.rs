//! How many jobs a worker takes at once.

use std::time::Duration;

use tokio::time::Instant;

/// What a worker takes at once should keep it busy for about so long. What lies in its hand waits for it, so it is not much.
const AIM: Duration = Duration::from_micros(25);
/// The most that it takes, however cheap.
const MOST: usize = 64;

/// Watches what a worker's jobs cost. Many at once pay when jobs take less than the queue's lock does; from some
/// microseconds on, one at a time is as fast and fairer.
#[derive(Debug)]
pub(super) struct Pace {
    /// Nanoseconds for a job, as of late.
    cost: u64,
    /// The same for what it had in hand last.
    last: u64,
    begun: Option<(Instant, usize)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cost: nanos(AIM), last: nanos(AIM), begun: None }
    }
}

impl Pace {
    /// How many to take next.
    pub(super) fn most(&self) -> usize {
        usize::try_from(nanos(AIM) / self.cost.max(1)).unwrap_or(MOST).clamp(1, MOST)
    }

    /// It has taken so many. The time of that is also the end of what it took before, since it was not idle in between.
    pub(super) fn took(&mut self, jobs: usize, now: Instant) {
        if let Some((begun, jobs)) = self.begun.replace((now, jobs)) {
            let cost = nanos(now.saturating_duration_since(begun)) / jobs.max(1) as u64;
            // The lesser of two: when the thread was interrupted the time says nothing of the jobs, and that seldom happens twice in a row.
            let both = cost.min(std::mem::replace(&mut self.last, cost));
            self.cost = self.cost.midpoint(both);
        }
    }

    /// It has nothing to do.
    pub(super) fn idle(&mut self) {
        self.begun = None;
    }

    /// A job has to wait for something: it costs others as much as it takes, whatever its processor time is.
    pub(super) fn waited(&mut self) {
        self.cost = self.cost.max(nanos(AIM));
        self.begun = None;
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 8).min(u64::MAX / 8)
}
