//! What one worker has in hand.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat::panic::Panic;

use super::{
    entry::{Begun, Entry, Tell},
    outcome::{Outcome, discard},
    report::Lost,
};

/// The jobs that a worker has taken out of the queue, the one that it runs included.
///
/// A worker takes several cheap jobs with one lock of the queue. Until they begin they count as queued all the same: they can be
/// cancelled, they keep their places, and an idle worker takes them away. This lock is nearly always free, since only those who
/// cannot go on otherwise look into another's hand.
pub(super) struct Hand<J, R> {
    /// Unlike its number no other worker of the pool ever has it: a worker that was left behind is none of the next run's.
    pub(super) id: u64,
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
    /// It goes through jobs without waiting.
    pub(super) active: bool,
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
    /// The job that has begun.
    pub(super) next: Option<J>,
    /// Who waits for the reply of the one before.
    pub(super) tell: Option<Tell<J, R>>,
    /// What nobody waits for.
    unwanted: Option<Outcome<R>>,
    /// Somebody waits for the place that this one has left.
    pub(super) watched: bool,
}

impl<J, R> Hand<J, R> {
    pub(super) fn new(id: u64, number: usize) -> Self {
        let state = HandState {
            jobs: VecDeque::new(),
            begun: 0,
            running: None,
            tally: Tally::default(),
            since: Instant::now(),
            abort: None,
            active: false,
            cut: false,
        };
        Self { id, number, state: Mutex::new(state) }
    }

    /// Ends the running job, if there is one, with its outcome, and begins the next.
    pub(super) fn step(&self, outcome: Option<Outcome<R>>, watched: &AtomicBool) -> Step<J, R> {
        let mut step = Step { next: None, tell: None, unwanted: None, watched: false };
        let mut state = self.state.lock();
        let over = state.end_and_pass_on(outcome, &mut step);
        if step.next.is_none() {
            step.next = state.begin();
        }
        // Relaxed, because who sets it looks into this hand under its lock afterwards: it sees what has begun, or this sees it.
        step.watched = step.next.is_some() && watched.load(Ordering::Relaxed);
        drop(state);
        if let Some((job, outcome)) = over {
            step.tell = job.finish(outcome);
        }
        if let Some(unwanted) = step.unwanted.take() {
            discard(unwanted);
        }
        step
    }

    /// Ends the running job, which has panicked, and begins none.
    pub(super) fn fail(&self, panic: Panic) -> Option<Tell<J, R>> {
        let mut state = self.state.lock();
        let job = state.running.take()?.job;
        state.tally.panicked += 1;
        drop(state);
        job.finish(Outcome::Panicked(Box::new(panic)))
    }
}

impl<J, R> HandState<J, R> {
    /// Ends the running job. If the next one is its neighbour, that has begun; otherwise it remains to be finished, without this lock.
    fn end_and_pass_on(
        &mut self,
        outcome: Option<Outcome<R>>,
        step: &mut Step<J, R>,
    ) -> Option<(Begun<J, R>, Outcome<R>)> {
        let outcome = outcome?;
        let Some(running) = &mut self.running else {
            // It was declared lost, and the outcome comes too late.
            step.unwanted = Some(outcome);
            return None;
        };
        self.tally.finished += 1;
        let front = self.jobs.front_mut().filter(|front| running.job.is_before(front));
        let Some(front) = front else { return Some((self.running.take()?.job, outcome)) };
        let (passed, tell) = running.job.pass_on(outcome);
        (step.next, step.tell, step.unwanted) = (passed.next, tell, passed.unwanted);
        if !front.advance() {
            self.jobs.pop_front();
        }
        if step.next.is_some() {
            self.begun += 1;
        } else {
            self.running = None;
        }
        None
    }

    /// Begins the first job that was not cancelled.
    pub(super) fn begin(&mut self) -> Option<J> {
        while let Some(entry) = self.jobs.pop_front() {
            let beginning = entry.begin();
            if let Some(rest) = beginning.rest {
                self.jobs.push_front(rest);
            }
            if let Some((job, begun)) = beginning.job {
                self.begun += 1;
                self.running = Some(Running { job: begun, name: None });
                return Some(job);
            }
        }
        None
    }
}
