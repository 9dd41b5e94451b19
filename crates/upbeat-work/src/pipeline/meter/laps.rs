//! The time of each stage in one batch.

use std::time::Instant;

/// The time of a batch, by stage.
#[derive(Debug)]
pub struct LapTimes {
    /// In nanoseconds: the time of each stage, and last that of taking items out of the batch.
    times: Vec<u64>,
    at: usize,
    since: Instant,
    clock_cost: u64,
}

impl LapTimes {
    /// `clock_cost` is the [cost of reading the clock](clock_cost).
    pub(super) fn new(stages: usize, clock_cost: u64) -> Self {
        Self { times: vec![0; stages + 1], at: stages, since: Instant::now(), clock_cost }
    }

    pub(super) fn times(&self) -> &[u64] {
        &self.times
    }

    /// Counts the time from now on for this stage.
    pub(crate) fn enter(&mut self, stage: usize) {
        let now = Instant::now();
        let elapsed = u64::try_from((now - self.since).as_nanos()).unwrap_or(u64::MAX);
        if let Some(time) = self.times.get_mut(self.at) {
            *time = time.saturating_add(elapsed.saturating_sub(self.clock_cost));
        }
        (self.at, self.since) = (stage, now);
    }

    /// Counts the time from now on for no stage.
    pub(crate) fn begin(&mut self) {
        self.enter(self.times.len() - 1);
    }
}

/// Measures how many nanoseconds it takes to read the clock. Cheap stages take less.
pub(super) fn clock_cost() -> u64 {
    let costs = (0..64).map(|_| {
        let begun = Instant::now();
        begun.elapsed()
    });
    costs.min().map_or(0, |cost| u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX))
}
