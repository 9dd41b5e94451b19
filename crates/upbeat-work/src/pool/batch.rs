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
    /// The stream was told, or will be soon, that there is something to be had.
    told: bool,
}

/// One job is over, and the next one has begun.
pub(super) struct PassedOn<J, R> {
    /// `None` if it was cancelled.
    pub(super) next: Option<J>,
    /// What nobody waits for.
    pub(super) unwanted: Option<Outcome<R>>,
    /// The stream has to be told.
    pub(super) tell: bool,
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
    pub(super) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// Takes the batches that have news. If there are none, or not `only` the one that is waited for, arranges to be woken.
    pub(super) fn news(&self, only: Option<usize>, news: &mut Vec<usize>, cx: &mut TaskContext<'_>) {
        let mut state = self.state.lock();
        news.append(&mut state.news);
        if only.map_or(!news.is_empty(), |only| news.contains(&only)) {
            return;
        }
        state.only = only;
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

    /// Whether the stream has to be told. What nobody waits for is dropped here, without the lock.
    pub(super) fn finish(&self, slot: usize, outcome: Outcome<R>) -> bool {
        let mut slots = self.slots.lock();
        let unwanted = slots.stages[slot].finish(outcome);
        let tell = unwanted.is_none() && !std::mem::replace(&mut slots.told, true);
        drop(slots);
        if let Some(unwanted) = unwanted {
            super::outcome::discard(unwanted);
        }
        tell
    }

    /// Ends one job and begins the next, which is what happens most, with one lock.
    pub(super) fn pass_on(&self, slot: usize, outcome: Outcome<R>) -> PassedOn<J, R> {
        let mut slots = self.slots.lock();
        let unwanted = slots.stages[slot].finish(outcome);
        let tell = unwanted.is_none() && !std::mem::replace(&mut slots.told, true);
        let next = slots.stages[slot + 1].begin();
        drop(slots);
        PassedOn { next, unwanted, tell }
    }

    /// Tells the stream that there are replies.
    pub(super) fn tell(&self) {
        let mut state = self.landing.state.lock();
        state.news.push(self.at);
        let waker = if state.only.is_none_or(|only| only == self.at) { state.waker.take() } else { None };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
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
