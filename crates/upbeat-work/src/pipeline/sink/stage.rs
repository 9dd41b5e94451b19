//! The workers' part of a sink, as the last stage.

use upbeat::BoxError;

use super::traits::{Pack, Packer};
use crate::pipeline::{
    batch::{FailedAt, Outputs},
    outcome::ItemFailure,
    stage::{Cursor, Downstream, Flow},
};

/// The last stage, which adds items to the outputs of the batch.
pub(crate) struct SinkStage<'a, P, U> {
    cursor: Cursor,
    pack: &'a P,
    at: usize,
    outputs: &'a mut Outputs<U>,
    /// The units of whole items. Units of an item that fails later are removed.
    whole: usize,
}

impl<'a, P: Packer, U> SinkStage<'a, P, U> {
    pub(crate) fn new(cursor: Cursor, pack: &'a P, at: usize, outputs: &'a mut Outputs<U>) -> Self {
        Self { cursor, pack, at, outputs, whole: 0 }
    }

    /// Completes the counts of the outputs.
    pub(crate) fn finish(&mut self) {
        self.count();
        self.outputs.failures_as_items = self.cursor.failures_as_items();
    }

    /// Counts the items. Where each item is one unit, they are not counted one by one.
    fn count(&mut self) {
        if !P::MAY_FAIL {
            self.whole = self.outputs.units.len();
            self.outputs.items = self.whole as u64;
        }
    }
}

impl<P: Packer, U> Flow for SinkStage<'_, P, U> {
    type Below = Self;

    fn below(&mut self) -> &mut Self {
        self
    }

    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.cursor.failure(error);
        self.forward(failure);
    }

    #[cold]
    fn forward(&mut self, failure: ItemFailure) {
        if P::MAY_FAIL {
            self.outputs.units.truncate(self.whole);
        } else {
            self.count();
        }
        self.outputs.failures.push(FailedAt { units: self.whole, items: self.outputs.items, failure });
    }

    #[inline]
    fn begin(&mut self, count: u64) {
        self.cursor.begin(count);
    }

    #[inline]
    fn enter(&mut self, stage: usize) {
        self.cursor.enter(stage);
    }

    #[inline]
    fn cursor(&mut self) -> &mut Cursor {
        &mut self.cursor
    }
}

impl<T, U, P: Pack<T, U>> Downstream<T> for SinkStage<'_, P, U> {
    #[inline]
    fn give(&mut self, item: T) {
        if P::MAY_FAIL {
            self.cursor.enter(self.at);
        }
        match self.pack.pack(item, &mut self.outputs.units) {
            Ok(()) => {
                if P::MAY_FAIL {
                    self.whole = self.outputs.units.len();
                    self.outputs.items += 1;
                }
            }
            Err(error) => self.fail(error),
        }
    }
}
