//! The jobs that one worker has taken.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat::panic::Panic;

use super::{
    entry::{BegunJob, Entry, Notification},
    outcome::{JobOutcome, discard},
    permits::Permits,
    report::Lost,
};

/// The jobs that a worker has taken out of the pool's queue, and the one that it runs.
///
/// A worker takes several cheap jobs under one lock of the pool's queue. Until they begin they
/// still count as queued: they keep their permits, tickets can cancel them, and idle workers steal
/// them. This lock is nearly always free, because other threads take it only if they would have to
/// wait otherwise.
pub(crate) struct LocalQueue<J, R> {
    /// The identity of the worker. Unlike its number, it is never used again by a later run.
    pub(crate) id: u64,
    pub(crate) number: usize,
    /// The permits of the run that the worker belongs to.
    permits: Arc<Permits>,
    pub(crate) state: Mutex<LocalState<J, R>>,
}

pub(crate) struct LocalState<J, R> {
    pub(crate) jobs: VecDeque<Entry<J, R>>,
    /// The number of jobs that have begun and whose permits were not returned yet.
    pub(crate) begun: usize,
    pub(crate) running: Option<RunningJob<J, R>>,
    pub(crate) tally: JobTally,
    /// When the worker last took jobs, or when the running job first had to wait.
    pub(crate) since: Instant,
    pub(crate) abort: Option<AbortHandle>,
    /// The worker runs jobs without waiting.
    pub(crate) active: bool,
    /// A deadline has passed: the worker takes no more jobs.
    pub(crate) aborted: bool,
}

/// A job that a worker runs.
pub(crate) struct RunningJob<J, R> {
    pub(crate) job: BegunJob<J, R>,
    pub(crate) name: Option<String>,
}

impl<J, R> RunningJob<J, R> {
    pub(crate) fn lost(&self, age: Duration, worker: usize) -> Lost {
        Lost { number: self.job.number, name: self.name.clone(), begun: Some((worker, age)) }
    }
}

/// The numbers of jobs that ended by themselves.
#[derive(Clone, Copy, Default)]
pub(crate) struct JobTally {
    pub(crate) finished: u64,
    pub(crate) panicked: u64,
}

impl JobTally {
    pub(crate) fn add(&mut self, other: Self) {
        self.finished += other.finished;
        self.panicked += other.panicked;
    }
}

/// The result of one step of a worker.
pub(crate) struct Step<J, R> {
    /// The job that has begun.
    pub(crate) next: Option<J>,
    /// The receiver of the outcome of the job before.
    pub(crate) notification: Option<Notification<J, R>>,
    /// The outcome of the job before, if it is not wanted.
    unwanted: Option<JobOutcome<R>>,
}

impl<J, R> LocalQueue<J, R> {
    pub(crate) fn new(id: u64, number: usize, permits: Arc<Permits>) -> Self {
        let state = LocalState {
            jobs: VecDeque::new(),
            begun: 0,
            running: None,
            tally: JobTally::default(),
            since: Instant::now(),
            abort: None,
            active: false,
            aborted: false,
        };
        Self { id, number, permits, state: Mutex::new(state) }
    }

    /// Ends the running job with its outcome, if there is one, and begins the next.
    pub(crate) fn step(&self, outcome: Option<JobOutcome<R>>) -> Step<J, R> {
        let mut step = Step { next: None, notification: None, unwanted: None };
        let mut state = self.state.lock();
        let ended = state.end_and_pass_on(outcome, &mut step);
        if step.next.is_none() {
            step.next = state.begin();
        }
        let permits = if self.permits.is_awaited() { std::mem::take(&mut state.begun) } else { 0 };
        self.permits.begin_release(permits);
        drop(state);
        self.permits.finish_release(permits);
        if let Some((job, outcome)) = ended {
            step.notification = job.finish(outcome);
        }
        if let Some(unwanted) = step.unwanted.take() {
            discard(unwanted);
        }
        step
    }

    /// Ends the running job, which has panicked, and begins none.
    pub(crate) fn fail(&self, panic: Panic) -> Option<Notification<J, R>> {
        let mut state = self.state.lock();
        let job = state.running.take()?.job;
        state.tally.panicked += 1;
        drop(state);
        job.finish(JobOutcome::Panicked(Box::new(panic)))
    }
}

impl<J, R> LocalState<J, R> {
    /// Ends the running job. If the next one is its neighbor in a batch, begins that. Otherwise
    /// returns the job, to be finished without this lock.
    fn end_and_pass_on(
        &mut self,
        outcome: Option<JobOutcome<R>>,
        step: &mut Step<J, R>,
    ) -> Option<(BegunJob<J, R>, JobOutcome<R>)> {
        let outcome = outcome?;
        let Some(running) = &mut self.running else {
            // The job was declared lost before.
            step.unwanted = Some(outcome);
            return None;
        };
        self.tally.finished += 1;
        let front = self.jobs.front_mut().filter(|front| running.job.is_before(front));
        let Some(front) = front else { return Some((self.running.take()?.job, outcome)) };
        let (passed, notification) = running.job.pass_on(outcome);
        (step.next, step.notification, step.unwanted) = (passed.next, notification, passed.unwanted);
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
    pub(crate) fn begin(&mut self) -> Option<J> {
        while let Some(entry) = self.jobs.pop_front() {
            let beginning = entry.begin();
            if let Some(rest) = beginning.rest {
                self.jobs.push_front(rest);
            }
            if let Some((job, begun)) = beginning.job {
                self.begun += 1;
                self.running = Some(RunningJob { job: begun, name: None });
                return Some(job);
            }
        }
        None
    }
}
