//! Where what comes out of the stages is put: the tray that goes to the sink.

use upbeat::BoxError;

use super::{Account, Downstream, Flow};
use crate::{
    Failure,
    sink::{Pack, Packs},
};

/// What a batch became: densely what came out, and on the side what failed, with its place among the others.
#[derive(Debug)]
pub struct Tray<U> {
    pub(crate) units: Vec<U>,
    pub(crate) failures: Vec<Misfit>,
    /// How many items the units are.
    pub(crate) items: u64,
    /// How many failures are among them.
    pub(crate) passed: u64,
}

impl<U> Default for Tray<U> {
    fn default() -> Self {
        Self { units: Vec::new(), failures: Vec::new(), items: 0, passed: 0 }
    }
}

/// A failure, and how much came out before it.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) units: usize,
    pub(crate) items: u64,
    pub(crate) failure: Failure,
}

impl<U> Tray<U> {
    /// Empties it, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.units.clear();
        self.failures.clear();
        (self.items, self.passed) = (0, 0);
    }
}

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
