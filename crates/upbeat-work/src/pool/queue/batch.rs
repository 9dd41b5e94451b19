//! Jobs that were submitted together. They share one allocation and one entry of the queue.

use std::{
    ops::Range,
    sync::Arc,
    task::{Context as TaskContext, Waker},
};

use parking_lot::Mutex;

use super::{
    outcome::{JobOutcome, discard},
    pending::JobState,
};

/// Some jobs of one [`submit_all`](super::super::Pool::submit_all), with their replies.
pub(crate) struct JobBatch<J, R> {
    slots: Mutex<Slots<J, R>>,
    /// The index of this batch in its stream.
    index: usize,
    completion: Arc<Completion>,
}

struct Slots<J, R> {
    states: Vec<JobState<J, R>>,
    /// The stream was notified of outcomes that it has not collected, or soon will be.
    notified: bool,
}

/// The end of one job and the begin of the next.
pub(crate) struct PassedOn<J, R> {
    /// The next job. `None` if it was cancelled.
    pub(crate) next: Option<J>,
    /// The outcome of the job that ended, if it is not wanted.
    pub(crate) unwanted: Option<JobOutcome<R>>,
    /// The stream has to be notified.
    pub(crate) notify: bool,
}

/// The batches of one stream that have outcomes to collect.
pub(crate) struct Completion {
    state: Mutex<CompletionState>,
}

#[derive(Default)]
struct CompletionState {
    completed: Vec<usize>,
    waker: Option<Waker>,
    /// If it is set, only outcomes of this batch wake the stream.
    only: Option<usize>,
}

impl Completion {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// Appends the batches that have outcomes to `completed`.
    ///
    /// If there are none, or the batch `only` is not among them, registers the task to be woken.
    pub(crate) fn poll(&self, only: Option<usize>, completed: &mut Vec<usize>, cx: &mut TaskContext<'_>) {
        let mut state = self.state.lock();
        completed.append(&mut state.completed);
        if only.map_or(!completed.is_empty(), |only| completed.contains(&only)) {
            return;
        }
        state.only = only;
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(old);
    }
}

impl<J, R> JobBatch<J, R> {
    pub(crate) fn new(jobs: impl Iterator<Item = J>, index: usize, completion: Arc<Completion>) -> Self {
        let states = jobs.map(JobState::Queued).collect();
        Self { slots: Mutex::new(Slots { states, notified: false }), index, completion }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.lock().states.len()
    }

    pub(crate) fn begin(&self, slot: usize) -> Option<J> {
        self.slots.lock().states[slot].begin()
    }

    pub(crate) fn is_any_queued(&self, mut slots: Range<usize>) -> bool {
        let state = self.slots.lock();
        slots.any(|slot| state.states[slot].is_queued())
    }

    /// Keeps an outcome, and returns whether the stream has to be notified. An outcome that is not
    /// wanted is dropped without the lock.
    pub(crate) fn finish(&self, slot: usize, outcome: JobOutcome<R>) -> bool {
        let mut slots = self.slots.lock();
        let unwanted = slots.states[slot].finish(outcome);
        let notify = unwanted.is_none() && !std::mem::replace(&mut slots.notified, true);
        drop(slots);
        if let Some(unwanted) = unwanted {
            discard(unwanted);
        }
        notify
    }

    /// Ends one job and begins the next under one lock. This is the most frequent case.
    pub(crate) fn pass_on(&self, slot: usize, outcome: JobOutcome<R>) -> PassedOn<J, R> {
        let mut slots = self.slots.lock();
        let unwanted = slots.states[slot].finish(outcome);
        let notify = unwanted.is_none() && !std::mem::replace(&mut slots.notified, true);
        let next = slots.states[slot + 1].begin();
        drop(slots);
        PassedOn { next, unwanted, notify }
    }

    /// Notifies the stream that there are outcomes.
    pub(crate) fn notify(&self) {
        let mut state = self.completion.state.lock();
        state.completed.push(self.index);
        let waker = if state.only.is_none_or(|only| only == self.index) { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Hands over outcomes in the order of submission. With `gaps` all that there are, otherwise
    /// those before the first that is missing. Later outcomes notify again.
    pub(crate) fn collect(&self, from: usize, gaps: bool, mut each: impl FnMut(usize, JobOutcome<R>)) {
        let mut slots = self.slots.lock();
        slots.notified = false;
        for (slot, state) in slots.states.iter_mut().enumerate().skip(from) {
            match state.take_outcome() {
                Some(outcome) => each(slot, outcome),
                None if gaps => {}
                None => break,
            }
        }
    }

    /// Gives up all replies. Returns the number of jobs that had not begun, and so never will.
    pub(crate) fn abandon(&self) -> usize {
        let states: Vec<_> = self.slots.lock().states.iter_mut().map(JobState::abandon).collect();
        // Jobs and outcomes are dropped on return, without the lock.
        states.iter().filter(|state| state.is_queued()).count()
    }
}
