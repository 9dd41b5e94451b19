//! The failures of a part or of several tasks, in bounded memory.

use super::failure::Failure;

/// The first failure and the last fifteen of a part, or of several tasks. Those between are
/// counted.
///
/// The first is often the cause of the others, and the last ones are the current state.
#[derive(Clone, Debug, Default)]
pub struct FailureLog {
    kept: Vec<Failure>,
    omitted: u64,
}

/// The largest number of failures that are kept.
const CAPACITY: usize = 16;

impl FailureLog {
    /// Returns a log without failures.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a failure. If the log is full, the second failure is dropped and counted.
    pub fn push(&mut self, failure: Failure) {
        drop(self.add(failure));
    }

    /// Adds a failure, and returns the one that is omitted for it. An error is foreign code, which
    /// is not dropped under a lock.
    pub(crate) fn add(&mut self, failure: Failure) -> Option<Failure> {
        let omitted = (self.kept.len() == CAPACITY).then(|| self.kept.remove(1));
        self.omitted += u64::from(omitted.is_some());
        self.kept.push(failure);
        omitted
    }

    /// Returns the failures that are kept, in the order in which they were added.
    pub fn as_slice(&self) -> &[Failure] {
        &self.kept
    }

    /// Returns the failures that are kept, in the order in which they were added.
    pub fn into_vec(self) -> Vec<Failure> {
        self.kept
    }

    /// Returns the failure that was added last.
    pub fn last(&self) -> Option<&Failure> {
        self.kept.last()
    }

    /// Returns how many failures were dropped.
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// Returns how many failures were added.
    pub fn total(&self) -> u64 {
        self.kept.len() as u64 + self.omitted
    }

    /// Returns whether no failure was added.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Drops all failures, and begins to count from zero.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_first_and_the_last_fifteen_are_kept() {
        let mut log = FailureLog::new();
        for attempt in 0..100 {
            log.push(Failure { attempt, task: None, error: Arc::new(std::fmt::Error) });
        }
        let kept: Vec<_> = log.as_slice().iter().map(|failure| failure.attempt).collect();
        assert_eq!(kept, [0].into_iter().chain(85..100).collect::<Vec<_>>());
        assert_eq!((log.omitted(), log.total()), (84, 100));
        log.clear();
        assert!(log.is_empty() && log.total() == 0 && log.last().is_none());
    }
}
