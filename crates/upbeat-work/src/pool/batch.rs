//! Jobs that were submitted together: one allocation and one entry of the queue for all of them.

use std::{
    sync::Arc,
    task::{Context as TaskContext, Waker},
};

use parking_lot::Mutex;

use super::{cell::Stage, outcome::Outcome};

/// Some jobs of one [`submit_all`](super::Pool::submit_all), with places for their replies.
pub(super) struct Batch<J, R> {
    slots: Mutex<Slots<J, R>>,
    /// Which batch of its stream this is.
    at: usize,
    landing: Arc<Landing>,
}

struct Slots<J, R> {
    stages: Vec<Stage<J, R>>,
    /// The stream knows that there is something to be had.
    told: bool,
}

/// One job is over, and the next one has begun.
pub(super) struct PassedOn<J, R> {
    /// `None` if it was cancelled.
    pub(super) next: Option<J>,
    /// What nobody waits for.
    pub(super) unwanted: Option<Outcome<R>>,
    pub(super) wake: Option<Waker>,
}

/// Where a stream learns which of its batches have news.
pub(super) struct Landing {
    state: Mutex<LandingState>,
}

#[derive(Default)]
struct LandingState {
    news: Vec<usize>,
    waker: Option<Waker>,
    /// Only news of this batch wakes, if it is set.
    only: Option<usize>,
}

impl Landing {
    fn tell(&self, batch: usize) -> Option<Waker> {
        let mut state = self.state.lock();
        match state.only {
            Some(only) if only != batch => None,
            Some(_) => state.waker.take(),
            None => {
                state.news.push(batch);
                state.waker.take()
            }
        }
    }

    pub(super) fn new(ordered: bool) -> Self {
        let state = LandingState { only: ordered.then_some(0), ..LandingState::default() };
        Self { state: Mutex::new(state) }
    }

    /// Appends the batches that have news, or arranges to be woken when one has.
    pub(super) fn news(&self, news: &mut Vec<usize>, cx: &mut TaskContext<'_>) -> bool {
        let mut state = self.state.lock();
        if state.news.is_empty() {
            let old = state.waker.replace(cx.waker().clone());
            drop(state);
            drop(old);
            false
        } else {
            news.append(&mut state.news);
            true
        }
    }

    /// Arranges to be woken when this batch has news, and only then. To be followed by a look at it.
    pub(super) fn watch(&self, batch: usize, cx: &mut TaskContext<'_>) {
        let mut state = self.state.lock();
        state.only = Some(batch);
        let old = state.waker.replace(cx.waker().clone());
        drop(state);
        drop(old);
    }
}

impl<J, R> Batch<J, R> {
    pub(super) fn new(jobs: impl Iterator<Item = J>, at: usize, landing: Arc<Landing>) -> Self {
        let stages = jobs.map(Stage::Queued).collect();
        Self { slots: Mutex::new(Slots { stages, told: false }), at, landing }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.lock().stages.len()
    }

    pub(super) fn begin(&self, slot: usize) -> Option<J> {
        self.slots.lock().stages[slot].begin()
    }

    pub(super) fn is_any_queued(&self, mut slots: std::ops::Range<usize>) -> bool {
        let state = self.slots.lock();
        slots.any(|slot| state.stages[slot].is_queued())
    }

    /// Returns who is to be woken.
    pub(super) fn finish(&self, slot: usize, outcome: Outcome<R>) -> Option<Waker> {
        let mut slots = self.slots.lock();
        let unwanted = slots.stages[slot].finish(outcome);
        let tell = unwanted.is_none() && !std::mem::replace(&mut slots.told, true);
        drop(slots);
        super::outcome::discard(unwanted);
        if tell { self.landing.tell(self.at) } else { None }
    }

    /// Ends one job and begins the next, which is what happens most, with one lock.
    pub(super) fn pass_on(&self, slot: usize, outcome: Outcome<R>) -> PassedOn<J, R> {
        let mut slots = self.slots.lock();
        let unwanted = slots.stages[slot].finish(outcome);
        let tell = unwanted.is_none() && !std::mem::replace(&mut slots.told, true);
        let next = slots.stages[slot + 1].begin();
        drop(slots);
        PassedOn { next, unwanted, wake: if tell { self.landing.tell(self.at) } else { None } }
    }

    /// Hands over what there is, in the order of submission: of all, or up to the first that is not there. Later ends are news again.
    pub(super) fn collect(&self, from: usize, gaps: bool, mut each: impl FnMut(usize, Outcome<R>)) {
        let mut slots = self.slots.lock();
        slots.told = false;
        for (at, stage) in slots.stages.iter_mut().enumerate().skip(from) {
            match stage.take_outcome() {
                Some(outcome) => each(at, outcome),
                None if gaps => {}
                None => break,
            }
        }
    }

    /// Gives all replies up. How many jobs had not begun, and never will.
    pub(super) fn abandon(&self) -> usize {
        let stages: Vec<_> = self.slots.lock().stages.iter_mut().map(Stage::abandon).collect();
        // They are dropped here, without the lock.
        stages.iter().filter(|stage| stage.is_queued()).count()
    }
}
