//! What one worker has in hand.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};

use super::{
    entry::{Begun, Entry},
    report::Lost,
};

/// The jobs that a worker has taken out of the queue, the one that it runs included.
///
/// A worker takes several cheap jobs with one lock of the queue. Until they begin they count as queued all the same: they can be
/// cancelled, they keep their places, and an idle worker takes them away. This lock is nearly always free, since only those who
/// cannot go on otherwise look into another's hand.
pub(super) struct Hand<J, R> {
    pub(super) number: usize,
    pub(super) state: Mutex<HandState<J, R>>,
}

pub(super) struct HandState<J, R> {
    pub(super) jobs: VecDeque<Entry<J, R>>,
    /// How many jobs have begun whose places were not given back yet.
    pub(super) begun: usize,
    pub(super) running: Option<Running<J, R>>,
    pub(super) tally: Tally,
    /// When it took from the queue, or when the running job first had to wait.
    pub(super) since: Instant,
    pub(super) abort: Option<AbortHandle>,
    /// A deadline has passed: it takes nothing more.
    pub(super) cut: bool,
}

/// A job under way.
pub(super) struct Running<J, R> {
    pub(super) job: Begun<J, R>,
    pub(super) name: Option<String>,
}

impl<J, R> Running<J, R> {
    pub(super) fn lost(&self, age: Duration, worker: usize) -> Lost {
        Lost { number: self.job.number, name: self.name.clone(), begun: Some((worker, age)) }
    }
}

/// What became of the jobs that ended.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) finished: u64,
    pub(super) panicked: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.finished += other.finished;
        self.panicked += other.panicked;
    }
}

/// A step of a worker.
pub(super) struct Step<J, R> {
    /// The job that is over, unless a shutdown has declared it lost.
    pub(super) over: Option<Begun<J, R>>,
    /// The job that has begun.
    pub(super) next: Option<J>,
    /// Somebody waits for the place that this one has left.
    pub(super) watched: bool,
}

impl<J, R> Hand<J, R> {
    pub(super) fn new(number: usize) -> Self {
        let state = HandState {
            jobs: VecDeque::new(),
            begun: 0,
            running: None,
            tally: Tally::default(),
            since: Instant::now(),
            abort: None,
            cut: false,
        };
        Self { number, state: Mutex::new(state) }
    }

    /// Ends the running job, if there is one, and begins the next.
    pub(super) fn step(&self, panicked: bool, watched: &AtomicBool) -> Step<J, R> {
        let mut state = self.state.lock();
        let over = state.over(panicked);
        let mut next = None;
        while let Some(entry) = state.jobs.pop_front() {
            let beginning = entry.begin();
            if let Some(rest) = beginning.rest {
                state.jobs.push_front(rest);
            }
            if let Some((job, begun)) = beginning.job {
                state.begun += 1;
                state.running = Some(Running { job: begun, name: None });
                next = Some(job);
                break;
            }
        }
        // Relaxed, because who sets it looks into this hand under its lock afterwards: it sees what has begun, or this sees it.
        let watched = next.is_some() && watched.load(Ordering::Relaxed);
        Step { over, next, watched }
    }

    /// Ends the running job, and begins none.
    pub(super) fn end(&self, panicked: bool) -> Option<Begun<J, R>> {
        self.state.lock().over(panicked)
    }
}

impl<J, R> HandState<J, R> {
    fn over(&mut self, panicked: bool) -> Option<Begun<J, R>> {
        let over = self.running.take()?;
        if panicked {
            self.tally.panicked += 1;
        } else {
            self.tally.finished += 1;
        }
        Some(over.job)
    }
}
