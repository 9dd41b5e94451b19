//! The stages of one batch against the clock.

use upbeat::BoxError;

use crate::pipeline::{
    meter::LapTimes,
    outcome::ItemFailure,
    stage::{Cursor, Downstream, Flow},
};

/// What is below the stages, with a look at the clock whenever an item comes to another stage. It is compiled beside the loop that looks at none.
pub(crate) struct Timed<D> {
    pub(crate) out: D,
    pub(crate) laps: LapTimes,
    /// The number of the sink's part.
    pub(crate) at: usize,
}

impl<D: Flow> Flow for Timed<D> {
    fn fail(&mut self, error: BoxError) {
        self.out.fail(error);
    }

    fn relay(&mut self, failure: ItemFailure) {
        self.out.relay(failure);
    }

    fn begin(&mut self, begun: u64) {
        self.laps.begin();
        self.out.begin(begun);
    }

    fn enter(&mut self, stage: usize) {
        self.laps.enter(stage);
        self.out.enter(stage);
    }

    fn cursor(&mut self) -> &mut Cursor {
        self.out.cursor()
    }
}

impl<T, D: Downstream<T>> Downstream<T> for Timed<D> {
    fn give(&mut self, item: T) {
        self.laps.enter(self.at);
        self.out.give(item);
    }
}
