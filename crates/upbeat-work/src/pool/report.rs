//! What became of accepted jobs.

use std::{fmt, sync::Arc, time::Duration};

use upbeat::BoxError;

/// A job that was accepted and not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Which job it was, counted from zero in the order of acceptance.
    pub number: u64,
    /// Its name, if the pool was told how to [name jobs](super::PoolBuilder::name_jobs) and had asked: a job that is cut in the instant it
    /// begins has none.
    pub name: Option<String>,
    /// On which worker it was under way, and for how long; `None` if it had not begun.
    pub begun: Option<(usize, Duration)>,
}

impl fmt::Display for Lost {
    /// `job 17 (cat.png), under way for 2.0 s` or `job 18, not begun`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", title(self.number, self.name.as_deref()))?;
        match self.begun {
            Some((_, age)) => write!(f, ", under way for {:.1} s", age.as_secs_f64()),
            None => f.write_str(", not begun"),
        }
    }
}

pub(super) fn title(number: u64, name: Option<&str>) -> String {
    name.map_or_else(|| format!("job {number}"), |name| format!("job {number} ({name})"))
}

/// How large a pool is at the moment, and what became of jobs since it was started.
///
/// `accepted = queued + under way + finished + panicked + cancelled + lost`, where "under way" is at most one job for each worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// How many workers there are, those included that are building their state.
    pub workers: usize,
    /// How many jobs are accepted and have not begun, places that are reserved for a submission included.
    pub queued: usize,
    /// How many jobs were accepted.
    pub accepted: u64,
    /// How many came to their end with a result, whether or not anybody wanted it.
    pub finished: u64,
    /// How many panicked.
    pub panicked: u64,
    /// How many were cancelled before they began.
    pub cancelled: u64,
    /// How many were lost because the pool ended.
    pub lost: u64,
}

/// What became of a pool's jobs, from [`Pool::shutdown`](super::Pool::shutdown).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// The final numbers.
    pub counts: Counts,
    /// What was lost: what was under way first, then what had not begun.
    pub lost: Vec<Lost>,
    /// Why the pool failed, if it did: the error of the factory.
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

/// The pool has failed: a worker's state could not be built.
#[derive(Debug, thiserror::Error)]
#[error("pool `{pool}`: a worker could not be built after {attempts} attempts")]
pub struct PoolFailed {
    pub(super) pool: Arc<str>,
    pub(super) attempts: u32,
    #[source]
    pub(super) error: Arc<BoxError>,
}
