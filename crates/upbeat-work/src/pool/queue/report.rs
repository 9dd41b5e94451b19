//! The numbers of a pool, and its lost jobs.

use std::{fmt, sync::Arc, time::Duration};

use upbeat::BoxError;

/// A job that was accepted and did not finish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The number of the job, counted from zero in the order of acceptance.
    pub number: u64,
    /// Its name, if the pool [names its jobs](super::super::PoolBuilder::name_jobs).
    ///
    /// A job that is aborted in the instant in which it begins has no name.
    pub name: Option<String>,
    /// The number of its worker, and the time for which it has run. `None` if it had not begun.
    pub begun: Option<(usize, Duration)>,
}

impl fmt::Display for Lost {
    /// `job 17 (cat.png), running for 2.0 s` or `job 18, not begun`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", title(self.number, self.name.as_deref()))?;
        match self.begun {
            Some((_, age)) => write!(f, ", running for {:.1} s", age.as_secs_f64()),
            None => f.write_str(", not begun"),
        }
    }
}

pub(crate) fn title(number: u64, name: Option<&str>) -> String {
    name.map_or_else(|| format!("job {number}"), |name| format!("job {number} ({name})"))
}

/// The size of a pool and the outcomes of its jobs since its last start.
///
/// `accepted = queued + running + finished + panicked + cancelled + lost`, where at most one job is
/// running on each worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCounts {
    /// The number of workers, those included that are building their state.
    pub workers: usize,
    /// The number of jobs that are accepted and have not begun. Permits that a submission holds
    /// count too. While jobs begin, it may be too low for an instant.
    pub queued: usize,
    /// The number of accepted jobs.
    pub accepted: u64,
    /// The number of jobs that returned a result, read or not.
    pub finished: u64,
    /// The number of jobs that panicked.
    pub panicked: u64,
    /// The number of jobs that were cancelled before they began.
    pub cancelled: u64,
    /// The number of jobs that were lost because the pool ended.
    pub lost: u64,
}

/// The result of [`Pool::shutdown`](super::super::Pool::shutdown): the outcomes of the pool's jobs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// The final numbers.
    pub counts: PoolCounts,
    /// The lost jobs: first those that were running, then those that had not begun.
    pub lost: Vec<Lost>,
    /// The error of the function that builds worker states, if the pool failed because of it.
    pub failure: Option<Arc<BoxError>>,
}

impl fmt::Display for Drained {
    /// `812 finished, 1 panicked, 3 cancelled, 0 lost`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} finished", self.counts.finished)?;
        for (n, what) in [(self.counts.panicked, "panicked"), (self.counts.cancelled, "cancelled")] {
            if n > 0 {
                write!(f, ", {n} {what}")?;
            }
        }
        write!(f, ", {} lost", self.counts.lost)
    }
}
