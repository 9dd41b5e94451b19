//! The time of each stage in one batch.

use std::time::Instant;

/// Where the time of a batch went.
#[derive(Debug)]
pub(crate) struct LapTimes {
    /// In nanoseconds: of each stage, and last of what takes items out of the batch.
    pub(crate) times: Vec<u64>,
    at: usize,
    since: Instant,
    look: u64,
}

impl LapTimes {
    /// `look` is what a [look] at the clock takes.
    pub(super) fn new(stages: usize, look: u64) -> Self {
        Self { times: vec![0; stages + 1], at: stages, since: Instant::now(), look }
    }

    /// What follows is this stage's time.
    pub(crate) fn enter(&mut self, stage: usize) {
        let now = Instant::now();
        let took = u64::try_from((now - self.since).as_nanos()).unwrap_or(u64::MAX);
        if let Some(time) = self.times.get_mut(self.at) {
            *time = time.saturating_add(took.saturating_sub(self.look));
        }
        (self.at, self.since) = (stage, now);
    }

    /// What follows is nobody's.
    pub(crate) fn begin(&mut self) {
        self.enter(self.times.len() - 1);
    }
}

/// What a look at the clock takes, in nanoseconds: cheap stages take less.
pub(super) fn look() -> u64 {
    let looks = (0..64).map(|_| {
        let begun = Instant::now();
        begun.elapsed()
    });
    looks.min().map_or(0, |look| u64::try_from(look.as_nanos()).unwrap_or(u64::MAX))
}
