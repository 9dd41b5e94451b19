//! Where what comes out of the stages is put: the tray that goes to the sink.

use upbeat::BoxError;

use super::traits::{Pack, Packs};
use crate::pipeline::{
    batch::{Misfit, Tray},
    outcome::Failure,
    stage::{Account, Downstream, Flow},
};

pub(crate) struct Bottom<'a, P, U> {
    pub(crate) account: Account,
    pub(crate) pack: &'a P,
    pub(crate) at: usize,
    pub(crate) tray: &'a mut Tray<U>,
    /// How much of the tray is of whole items: what an item that fails has begun to write is taken back.
    pub(crate) whole: usize,
}

impl<P: Packs, U> Bottom<'_, P, U> {
    /// Where each item is one unit nothing is counted while items come.
    pub(crate) fn count(&mut self) {
        if !P::MAY_FAIL {
            self.whole = self.tray.units.len();
            self.tray.items = self.whole as u64;
        }
    }
}

impl<P: Packs, U> Flow for Bottom<'_, P, U> {
    #[cold]
    fn fail(&mut self, error: BoxError) {
        let failure = self.account.failure(error);
        self.relay(failure);
    }

    #[cold]
    fn relay(&mut self, failure: Failure) {
        if P::MAY_FAIL {
            self.tray.units.truncate(self.whole);
        } else {
            self.count();
        }
        self.tray.failures.push(Misfit { units: self.whole, items: self.tray.items, failure });
    }

    #[inline]
    fn begin(&mut self, begun: u64) {
        self.account.begin(begun);
    }

    #[inline]
    fn enter(&mut self, stage: usize) {
        self.account.enter(stage);
    }

    #[inline]
    fn account(&mut self) -> &mut Account {
        &mut self.account
    }
}

impl<T, U, P: Pack<T, U>> Downstream<T> for Bottom<'_, P, U> {
    #[inline]
    fn give(&mut self, item: T) {
        if P::MAY_FAIL {
            self.account.enter(self.at);
        }
        match self.pack.pack(item, &mut self.tray.units) {
            Ok(()) => {
                if P::MAY_FAIL {
                    self.whole = self.tray.units.len();
                    self.tray.items += 1;
                }
            }
            Err(error) => self.fail(error),
        }
    }
}
