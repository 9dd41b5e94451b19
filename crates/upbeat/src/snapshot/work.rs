//! What a run has under way beside its own task.

use std::fmt;

use tokio::time::{Duration, Instant};
use upbeat_probe::Probe;

use super::location::Location;
use crate::display::human;

/// How many pieces of work a list keeps.
const MOST: usize = 64;

/// Something that a run has under way beside its own task: a task that it spawned, a request, tracked work, a child process.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Work {
    /// What it is, such as `GET /slow`.
    pub name: String,
    /// For how long it has been under way.
    #[cfg_attr(feature = "serde", serde(rename = "age_secs", serialize_with = "crate::display::as_secs"))]
    pub age: Duration,
    /// Where it waits, if it was asked.
    pub location: Option<Location>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) probe: Option<Probe>,
}

/// The oldest pieces of work of their kind, and how many more there are.
///
/// Filled by whoever has the work, for [`Context::register_work`](crate::Context::register_work).
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkList {
    /// The oldest, at most 64, the oldest first.
    pub oldest: Vec<Work>,
    /// How many are left out.
    pub more: u64,
}

impl WorkList {
    /// Adds a piece of work that has been under way `since` then. Its name is asked for only if the list has room for it, or has
    /// younger ones. With a probe it can be asked where it waits.
    pub fn add(&mut self, since: Instant, name: impl FnOnce() -> String, probe: Option<Probe>) {
        let age = since.elapsed();
        let place = self.oldest.partition_point(|other| other.age >= age);
        if self.oldest.len() == MOST {
            self.more += 1;
            if place == MOST {
                return;
            }
            self.oldest.pop();
        }
        self.oldest.insert(place, Work { name: name(), age, location: None, probe });
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.oldest.is_empty()
    }

    /// How many there are, those that are left out included.
    pub fn count(&self) -> u64 {
        self.oldest.len() as u64 + self.more
    }
}

impl fmt::Display for Work {
    /// `GET /slow for 2.0 s`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", self.name, human(self.age))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_the_oldest_in_order_and_counts_the_others() {
        let mut times: Vec<_> = (0..200).map(|i| Instant::now() + Duration::from_secs(i)).collect();
        tokio::time::advance(Duration::from_secs(200)).await;
        fastrand::Rng::with_seed(3).shuffle(&mut times);
        let mut list = WorkList::default();
        for since in &times {
            list.add(*since, || "work".to_owned(), None);
        }
        assert_eq!((list.oldest.len(), list.more, list.count()), (64, 136, 200));
        let ages: Vec<_> = list.oldest.iter().map(|work| work.age.as_secs()).collect();
        assert_eq!(ages, (0..64).map(|i| 200 - i).collect::<Vec<_>>());
    }
}
