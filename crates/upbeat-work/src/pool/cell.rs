//! Where one job waits, and later what became of it.

use std::task::{Context as TaskContext, Poll, Waker};

use parking_lot::Mutex;

use super::outcome::Outcome;

/// How far one job is. It moves downwards only, and whoever moves it to an end has made its outcome.
pub(super) enum Stage<J, R> {
    Queued(J),
    Begun,
    Over(Outcome<R>),
    /// Cancelled, or its outcome was taken, or nobody wants it any more.
    Gone,
}

impl<J, R> Stage<J, R> {
    /// Takes the job out to be run; `None` if it is not there any more.
    pub(super) fn begin(&mut self) -> Option<J> {
        if !matches!(self, Self::Queued(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Begun) {
            Self::Queued(job) => Some(job),
            _ => None,
        }
    }

    /// Whether the job still has to be begun.
    pub(super) fn is_queued(&self) -> bool {
        matches!(self, Self::Queued(_))
    }

    /// The reply is not wanted. A job that has not begun is given back.
    pub(super) fn abandon(&mut self) -> Self {
        std::mem::replace(self, Self::Gone)
    }

    /// Keeps what became of a job that had begun. The outcome comes back if nobody wants it.
    pub(super) fn finish(&mut self, outcome: Outcome<R>) -> Option<Outcome<R>> {
        if matches!(self, Self::Begun) {
            *self = Self::Over(outcome);
            None
        } else {
            Some(outcome)
        }
    }

    pub(super) fn take_outcome(&mut self) -> Option<Outcome<R>> {
        if !matches!(self, Self::Over(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Gone) {
            Self::Over(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// A job of its own, with a place for its reply: one allocation.
pub(super) struct Cell<J, R> {
    slot: Mutex<Slot<J, R>>,
}

struct Slot<J, R> {
    stage: Stage<J, R>,
    waker: Option<Waker>,
}

impl<J, R> Cell<J, R> {
    pub(super) fn new(job: J) -> Self {
        Self { slot: Mutex::new(Slot { stage: Stage::Queued(job), waker: None }) }
    }

    /// The job of a submission that was not accepted.
    pub(super) fn take_back(&self) -> J {
        self.begin().expect("what was not accepted has not begun")
    }

    pub(super) fn begin(&self) -> Option<J> {
        self.slot.lock().stage.begin()
    }

    pub(super) fn is_queued(&self) -> bool {
        self.slot.lock().stage.is_queued()
    }

    /// Returns who is to be woken. What nobody wants is dropped here, without the lock.
    pub(super) fn finish(&self, outcome: Outcome<R>) -> Option<Waker> {
        let mut slot = self.slot.lock();
        let unwanted = slot.stage.finish(outcome);
        let waker = slot.waker.take();
        drop(slot);
        super::outcome::discard(unwanted);
        waker
    }
}

/// A reply, whatever its job was.
pub(super) trait Reply<R>: Send + Sync {
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Outcome<R>>;

    /// Gives the reply up. Whether the job had not begun, and never will.
    fn abandon(&self) -> bool;
}

impl<J: Send, R: Send> Reply<R> for Cell<J, R> {
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<Outcome<R>> {
        let mut slot = self.slot.lock();
        if let Some(outcome) = slot.stage.take_outcome() {
            return Poll::Ready(outcome);
        }
        if slot.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let old = slot.waker.replace(cx.waker().clone());
        drop(slot);
        drop(old);
        Poll::Pending
    }

    fn abandon(&self) -> bool {
        let mut slot = self.slot.lock();
        let stage = slot.stage.abandon();
        let waker = slot.waker.take();
        drop(slot);
        drop(waker);
        // What it holds is dropped here, without the lock.
        matches!(stage, Stage::Queued(_))
    }
}
