//! Where what comes out of the stages is put: the tray that goes to the sink.

use upbeat::BoxError;

use super::traits::{Pack, Packs};
use crate::pipeline::{
    batch::{FailedAt, Outputs},
    outcome::ItemFailure,
    stage::{Cursor, Downstream, Flow},
};

pub(crate) struct SinkStage<'a, P, U> {
    pub(crate) cursor: Cursor,
    pub(crate) pack: &'a P,
    pub(crate) at: usize,
    pub(crate) outputs: &'a mut Outputs<U>,
    /// How much of the tray is of whole items: what an item that fails has begun to write is taken back.
    pub(crate) whole: usize,
}

impl<P: Packs, U> SinkStage<'_, P, U> {
    /// Where each item is one unit nothing is counted while items come.
    pub(crate) fn count(&mut self) {
        if !P::MAY_FAIL {
            self.whole = self.outputs.units.len();
            self.outputs.items = self.whole as u64;
        }
    }
}

impl<P: Packs, U> Flow for SinkStage<'_, P, U> {
    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.cursor.failure(error);
        self.relay(failure);
    }

    #[cold]
    fn relay(&mut self, failure: ItemFailure) {
        if P::MAY_FAIL {
            self.outputs.units.truncate(self.whole);
        } else {
            self.count();
        }
        self.outputs.failures.push(FailedAt { units: self.whole, items: self.outputs.items, failure });
    }

    #[inline]
    fn begin(&mut self, begun: u64) {
        self.cursor.begin(begun);
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
