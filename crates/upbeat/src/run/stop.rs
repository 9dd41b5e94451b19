//! The stop request of a run: a flag, its cause and deadline, and the tasks that wait for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::Waker,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::stop_cause::StopCause;

/// The end of a run that was not asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunOver {
    #[error("the player has returned")]
    Returned,
    #[error("the run has ended")]
    Gone,
}

/// The reason for which a run's own context is done.
#[derive(Clone, Debug)]
pub(crate) enum RunDone {
    Stopping(Arc<StopCause>),
    Over(RunOver),
}

/// The deadline and the cause of a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopping {
    pub(crate) deadline: Instant,
    pub(crate) cause: StopCause,
}

/// The stop request of a run.
///
/// A `CancellationToken` of tokio-util would do. But every idle player waits on one of these. A
/// wait on a token takes 100 bytes in the player's future and 100 in the token. Here it takes 24
/// and 40. Contexts below a run's own wait on [`RunTokens`](super::root::RunTokens).
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    /// `NOT_ASKED`, `ASKED`, `RETURNED` or `GONE`. The first change is kept.
    asked: AtomicU8,
    waiters: Mutex<Waiters>,
}

const NOT_ASKED: u8 = 0;
/// Asked to stop by the conductor.
const ASKED: u8 = 1;
/// Not asked to stop. The player has returned.
const RETURNED: u8 = 2;
/// Not asked to stop. Nothing is left of the run.
const GONE: u8 = 3;

/// The wakers of the tasks that wait. Nearly always there is none or one.
#[derive(Debug, Default)]
struct Waiters {
    /// Shared by all runs that are asked to stop together.
    stopping: Option<Arc<Stopping>>,
    first: Option<Waker>,
    /// Nearly always empty.
    #[expect(clippy::box_collection, reason = "one word instead of three, for each player")]
    more: Option<Box<Vec<Option<Waker>>>>,
}

impl Waiters {
    /// Returns the waker in a slot. Slot 0 is the first.
    fn slot(&mut self, key: usize) -> &mut Option<Waker> {
        match key.checked_sub(1) {
            None => &mut self.first,
            Some(i) => &mut self.more.get_or_insert_default()[i],
        }
    }

    fn free_slot(&mut self) -> usize {
        if self.first.is_none() {
            return 0;
        }
        let more = self.more.get_or_insert_default();
        let free = more.iter().position(Option::is_none);
        1 + free.unwrap_or_else(|| {
            more.push(None);
            more.len() - 1
        })
    }
}

impl StopSignal {
    /// Asks to stop. The first request counts. A later one changes neither cause nor deadline.
    pub(crate) fn request(&self, stopping: Arc<Stopping>) {
        self.waiters.lock().stopping.get_or_insert(stopping);
        self.wake(ASKED);
    }

    /// Wakes the tasks that wait, because the run has ended without a stop request. There is no
    /// deadline and no cause of a stop.
    pub(crate) fn release(&self, over: RunOver) {
        self.wake(match over {
            RunOver::Returned => RETURNED,
            RunOver::Gone => GONE,
        });
    }

    fn wake(&self, why: u8) {
        // Release, so that a task that sees the flag sees everything that was done before.
        if self.asked.compare_exchange(NOT_ASKED, why, Ordering::Release, Ordering::Relaxed).is_err() {
            return;
        }
        let mut waiters = self.waiters.lock();
        let (first, more) = (waiters.first.take(), waiters.more.take());
        drop(waiters);
        // Wakers are foreign code, so they run without the lock.
        let more = more.into_iter().flat_map(|more| more.into_iter().flatten());
        first.into_iter().chain(more).for_each(Waker::wake);
    }

    /// Returns whether the run is to stop: it was asked to, or it is over.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) != NOT_ASKED
    }

    /// Returns the reason for which the run's own context is done. `share` returns the cause that
    /// all errors of the run share.
    pub(super) fn done(&self, share: impl FnOnce(&StopCause) -> Arc<StopCause>) -> Option<RunDone> {
        match self.asked.load(Ordering::Acquire) {
            NOT_ASKED => None,
            ASKED => Some(RunDone::Stopping(share(&self.stopping()?.cause))),
            RETURNED => Some(RunDone::Over(RunOver::Returned)),
            _ => Some(RunDone::Over(RunOver::Gone)),
        }
    }

    /// Returns the deadline and the cause of the stop.
    pub(crate) fn stopping(&self) -> Option<Arc<Stopping>> {
        self.waiters.lock().stopping.clone()
    }

    /// Returns whether the run is to stop, and otherwise keeps the waker in the task's slot. A task
    /// without a slot gets one.
    pub(super) fn poll_asked(&self, slot: &mut Option<usize>, waker: &Waker) -> bool {
        if self.is_asked() {
            *slot = None;
            return true;
        }
        let mut waiters = self.waiters.lock();
        // Checked again under the lock: `wake` sets the flag before it takes the wakers.
        if self.is_asked() {
            *slot = None;
            return true;
        }
        let key = *slot.get_or_insert_with(|| waiters.free_slot());
        let kept = waiters.slot(key);
        let old = match kept {
            Some(kept) if kept.will_wake(waker) => None,
            _ => kept.replace(waker.clone()),
        };
        drop(waiters);
        // Foreign code, so it is dropped without the lock.
        drop(old);
        false
    }

    /// Frees a slot.
    pub(super) fn leave(&self, slot: usize) {
        let mut waiters = self.waiters.lock();
        // Once asked, the wakers are gone, and the slots with them.
        if !self.is_asked() {
            let waker = waiters.slot(slot).take();
            drop(waiters);
            drop(waker);
        }
    }
}
