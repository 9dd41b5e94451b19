//! Batches that are timed stage by stage.

use crate::pipeline::{
    meter::LapTimes,
    stage::{Downstream, Flow},
};

/// The way below the stages, which reads the clock whenever an item reaches another stage.
///
/// It is compiled beside the loop that reads no clock.
pub(crate) struct Timed<D> {
    out: D,
    laps: LapTimes,
    /// The number of the sink's stage.
    at: usize,
}

impl<D: Flow> Timed<D> {
    pub(crate) fn new(out: D, laps: LapTimes, at: usize) -> Self {
        Self { out, laps, at }
    }

    pub(crate) fn finish(mut self) -> (D, LapTimes) {
        self.laps.begin();
        (self.out, self.laps)
    }
}

impl<D: Flow> Flow for Timed<D> {
    type Below = D;

    #[inline]
    fn below(&mut self) -> &mut D {
        &mut self.out
    }

    fn begin(&mut self, count: u64) {
        self.laps.begin();
        self.out.begin(count);
    }

    fn enter(&mut self, stage: usize) {
        self.laps.enter(stage);
        self.out.enter(stage);
    }
}

impl<T, D: Downstream<T>> Downstream<T> for Timed<D> {
    fn give(&mut self, item: T) {
        self.laps.enter(self.at);
        self.out.give(item);
    }
}
