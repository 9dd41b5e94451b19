//! A single job from its submission to its outcome.

use std::task::{Context as TaskContext, Poll, Waker};

use parking_lot::Mutex;

use super::outcome::{JobOutcome, discard};

/// The state of one job. It only moves downwards, and the move to an end makes the outcome.
pub(crate) enum JobState<J, R> {
    Queued(J),
    Begun,
    Done(JobOutcome<R>),
    /// The job was cancelled, or its outcome was taken or is not wanted.
    Gone,
}

impl<J, R> JobState<J, R> {
    /// Takes the job out to be run. Returns `None` if it is not queued any more.
    pub(crate) fn begin(&mut self) -> Option<J> {
        if !matches!(self, Self::Queued(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Begun) {
            Self::Queued(job) => Some(job),
            _ => None,
        }
    }

    /// Returns whether the job has not begun and is not cancelled.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self, Self::Queued(_))
    }

    /// Gives up the reply, and returns the state before.
    pub(crate) fn abandon(&mut self) -> Self {
        std::mem::replace(self, Self::Gone)
    }

    /// Keeps the outcome of a job that had begun. Returns the outcome if it is not wanted.
    pub(crate) fn finish(&mut self, outcome: JobOutcome<R>) -> Option<JobOutcome<R>> {
        if matches!(self, Self::Begun) {
            *self = Self::Done(outcome);
            None
        } else {
            Some(outcome)
        }
    }

    pub(crate) fn take_outcome(&mut self) -> Option<JobOutcome<R>> {
        if !matches!(self, Self::Done(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Gone) {
            Self::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

/// A job that was submitted alone, with its reply. Both share one allocation.
pub(crate) struct PendingJob<J, R> {
    slot: Mutex<Slot<J, R>>,
}

struct Slot<J, R> {
    state: JobState<J, R>,
    waker: Option<Waker>,
}

impl<J, R> PendingJob<J, R> {
    pub(crate) fn new(job: J) -> Self {
        Self { slot: Mutex::new(Slot { state: JobState::Queued(job), waker: None }) }
    }

    /// Returns the job of a submission that was not accepted.
    pub(crate) fn take_back(&self) -> J {
        self.begin().expect("a job that was not accepted has not begun")
    }

    pub(crate) fn begin(&self) -> Option<J> {
        self.slot.lock().state.begin()
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.slot.lock().state.is_queued()
    }

    /// Keeps the outcome, and returns the waker of the ticket. An outcome that is not wanted is
    /// dropped without the lock.
    pub(crate) fn finish(&self, outcome: JobOutcome<R>) -> Option<Waker> {
        let mut slot = self.slot.lock();
        let unwanted = slot.state.finish(outcome);
        let waker = slot.waker.take();
        drop(slot);
        discard(unwanted);
        waker
    }
}

/// The reply to a job, without the type of the job.
pub(crate) trait Reply<R>: Send + Sync {
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<JobOutcome<R>>;

    /// Gives up the reply. Returns `true` if the job had not begun, and so never will.
    fn abandon(&self) -> bool;
}

impl<J: Send, R: Send> Reply<R> for PendingJob<J, R> {
    fn poll(&self, cx: &mut TaskContext<'_>) -> Poll<JobOutcome<R>> {
        let mut slot = self.slot.lock();
        if let Some(outcome) = slot.state.take_outcome() {
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
        let state = slot.state.abandon();
        let waker = slot.waker.take();
        drop(slot);
        drop(waker);
        // The job or the outcome is dropped on return, without the lock.
        matches!(state, JobState::Queued(_))
    }
}
