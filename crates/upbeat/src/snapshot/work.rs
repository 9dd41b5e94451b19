//! The work of a run outside its own task.

use std::fmt;

use tokio::time::{Duration, Instant};
use upbeat_probe::Probe;

use super::location::Location;
use crate::display::human;

/// The largest number of pieces of work that a list keeps.
const MOST: usize = 64;

/// A piece of work of a run outside its own task: a spawned task, a request, tracked work, or a
/// child process.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Work {
    /// Its name, such as `GET /slow`.
    pub name: String,
    /// The time since it began.
    #[cfg_attr(feature = "serde", serde(rename = "age_secs", serialize_with = "crate::display::as_secs"))]
    pub age: Duration,
    /// Its location, if it was probed.
    pub location: Option<Location>,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) probe: Option<Probe>,
}

/// The oldest pieces of work, and the number of further ones.
///
/// A function given to [`Context::register_work`](crate::Context::register_work) fills it.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WorkList {
    /// The oldest ones, at most 64, the oldest first.
    pub oldest: Vec<Work>,
    /// The number of pieces left out.
    pub more: u64,
}

impl WorkList {
    /// Adds a piece of work that began at `since`. `name` is called only if the list keeps it. A
    /// dump asks its probe for its location.
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

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.oldest.is_empty()
    }

    /// Returns the number of pieces, including those left out.
    pub fn count(&self) -> u64 {
        self.oldest.len() as u64 + self.more
    }
}

impl fmt::Display for Work {
    /// Writes it as `GET /slow for 2.0 s`.
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
