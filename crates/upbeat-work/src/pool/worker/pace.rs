//! The number of jobs that a worker takes at once.

use std::time::Duration;

use tokio::time::Instant;

/// The jobs that a worker takes at once should keep it busy for about this time. They wait for it,
/// so it is short.
const TARGET: Duration = Duration::from_micros(25);
/// The largest number of jobs that a worker takes at once.
const MAX_JOBS: usize = 64;

/// A measure of what a worker's jobs cost.
///
/// Taking several at once pays if a job takes less than the lock of the queue does. From some
/// microseconds on, one at a time is as fast and fairer.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Nanoseconds for one job, smoothed.
    cost: u64,
    /// Nanoseconds for one job of those that were taken last.
    last: u64,
    begun: Option<(Instant, usize)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { cost: nanos(TARGET), last: nanos(TARGET), begun: None }
    }
}

impl Pace {
    /// Returns the number of jobs to take next.
    pub(crate) fn max_jobs(&self) -> usize {
        usize::try_from(nanos(TARGET) / self.cost.max(1)).unwrap_or(MAX_JOBS).clamp(1, MAX_JOBS)
    }

    /// Notes that jobs were taken. As the worker was not idle, those before ended at that time.
    pub(crate) fn took(&mut self, jobs: usize, now: Instant) {
        if let Some((begun, jobs)) = self.begun.replace((now, jobs)) {
            let cost = nanos(now.saturating_duration_since(begun)) / jobs.max(1) as u64;
            // The lesser of two. If the thread was interrupted, the time says nothing about the
            // jobs, and that seldom happens twice in a row.
            let both = cost.min(std::mem::replace(&mut self.last, cost));
            self.cost = self.cost.midpoint(both);
        }
    }

    /// Notes that there is nothing to do.
    pub(crate) fn idle(&mut self) {
        self.begun = None;
    }

    /// Notes that a job has to wait. It delays the jobs behind it by more than its processor time.
    pub(crate) fn waited(&mut self) {
        self.cost = self.cost.max(nanos(TARGET));
        self.begun = None;
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 8).min(u64::MAX / 8)
}
