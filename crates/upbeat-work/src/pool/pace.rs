//! How many jobs a worker takes at once.

use std::time::Duration;

use tokio::time::Instant;

/// What a worker takes at once should keep it busy for about so long. What lies in its hand waits for it, so it is not much.
const AIM: Duration = Duration::from_micros(20);
/// The most that it takes, however cheap.
const MOST: usize = 64;

/// Watches what a worker's jobs cost. Many at once pay when jobs take less than the queue's lock does; from some
/// microseconds on, one at a time is as fast and fairer.
#[derive(Debug)]
pub(super) struct Pace {
    /// Nanoseconds for a job, as of late.
    cost: u64,
    begun: Option<(Instant, usize)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cost: nanos(AIM), begun: None }
    }
}

impl Pace {
    /// The jobs in hand are over; how many to take next.
    pub(super) fn take(&mut self, now: Instant) -> usize {
        if let Some((begun, jobs)) = self.begun.take() {
            let cost = nanos(now.saturating_duration_since(begun)) / jobs.max(1) as u64;
            self.cost = (3 * self.cost + cost) / 4;
        }
        usize::try_from(nanos(AIM) / self.cost.max(1)).unwrap_or(MOST).clamp(1, MOST)
    }

    pub(super) fn begin(&mut self, now: Instant, jobs: usize) {
        self.begun = Some((now, jobs));
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
