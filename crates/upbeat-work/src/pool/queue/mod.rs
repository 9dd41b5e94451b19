//! The data under the lock of a pool: jobs, workers, and the pool's end.

pub(crate) mod batch;
pub(crate) mod entry;
pub(crate) mod jobs;
pub(crate) mod local;
pub(crate) mod outcome;
pub(crate) mod pending;
pub(crate) mod permits;
pub(crate) mod report;
pub(crate) mod stop;
pub(crate) mod wakers;
pub(crate) mod workers;

use tokio::{task::AbortHandle, time::Instant};

use self::{
    entry::Entry,
    jobs::Jobs,
    local::{LocalQueue, LocalState, RunningJob},
    permits::PermitWait,
    report::PoolCounts,
    stop::{PoolPhase, Stop},
    wakers::Wakers,
    workers::Workers,
};

/// The state of a pool that its one lock protects.
pub(crate) struct Queue<J, R> {
    pub(crate) jobs: Jobs<J, R>,
    pub(crate) workers: Workers<J, R>,
    pub(crate) stop: Stop,
}

/// The result of a worker's look for jobs.
pub(crate) enum TakeOutcome<J> {
    Jobs(TakenJobs<J>),
    Nothing,
    /// The worker does not belong to the pool any more.
    Aborted,
}

/// Jobs that are now in the queue of a worker.
pub(crate) struct TakenJobs<J> {
    /// The first one, which has begun. `None` if all of them were cancelled.
    pub(crate) first: Option<J>,
    pub(crate) count: usize,
    pub(crate) since: Instant,
}

/// The jobs and workers that were there when the pool was aborted.
pub(crate) struct Aborted<J, R> {
    /// The running jobs, with their start and the number of their worker.
    pub(crate) running: Vec<(RunningJob<J, R>, Instant, usize)>,
    /// The jobs that have not begun.
    pub(crate) entries: Vec<Entry<J, R>>,
    /// The tasks of the workers.
    pub(crate) tasks: Vec<AbortHandle>,
}

impl<J, R> Queue<J, R> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { jobs: Jobs::new(capacity), workers: Workers::new(), stop: Stop::new() }
    }

    /// Begins a run after the end of another.
    pub(crate) fn reset(&mut self) {
        self.jobs.reset();
        self.workers.reset();
        self.stop.reset();
    }

    /// Returns whether jobs are accepted.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.stop.phase, PoolPhase::NotStarted | PoolPhase::Running)
    }

    /// Takes up to `max` permits without waiting, and returns their number.
    pub(crate) fn try_acquire(&self, max: usize) -> usize {
        let permits = &self.jobs.permits;
        match permits.try_acquire(max) {
            // While a submission waits, workers return the permits themselves.
            0 if !permits.is_awaited() => {
                // As no submission waits, this wakes no task.
                permits.release(self.workers.take_begun());
                permits.try_acquire(max)
            }
            taken => taken,
        }
    }

    /// Registers a submission that has to wait for a permit.
    pub(crate) fn wait(&self, wakers: &mut Wakers) -> PermitWait {
        let wait = self.jobs.permits.wait();
        // The permits of jobs that begin later are returned by their workers, which see the wait.
        wakers.release(&self.jobs.permits, self.workers.take_begun());
        wait
    }

    /// Appends jobs whose permits are taken.
    pub(crate) fn push(&mut self, entry: Entry<J, R>, wakers: &mut Wakers) {
        self.jobs.push(entry);
        self.wake_worker(wakers);
    }

    fn wake_worker(&mut self, wakers: &mut Wakers) {
        if self.jobs.queued == 0 {
            self.jobs.backlog_since = None;
        } else if !self.workers.idle.is_empty() {
            wakers.worker = self.workers.wake(self.jobs.queued);
        } else if self.jobs.backlog_since.is_none() && !self.workers.idle.is_waking() {
            self.jobs.backlog_since = Some(Instant::now());
            wakers.backlog = true;
        }
    }

    /// Moves about `max` jobs to a worker. If the queue is empty, takes them from another worker.
    pub(crate) fn take(&mut self, local: &LocalQueue<J, R>, max: usize, wakers: &mut Wakers) -> TakeOutcome<J> {
        self.workers.idle.looked(max);
        let mut state = local.state.lock();
        if state.aborted {
            return TakeOutcome::Aborted;
        }
        self.workers.set_active(&mut state, true);
        let mut count = self.jobs.move_to(&mut state.jobs, max);
        self.wake_worker(wakers);
        if count == 0 {
            let stolen = self.workers.steal(local);
            count = stolen.as_ref().map_or(0, Entry::len);
            state.jobs.extend(stolen);
        }
        let first = state.begin();
        wakers.release(&self.jobs.permits, std::mem::take(&mut state.begun));
        if count == 0 {
            self.workers.set_active(&mut state, false);
            return TakeOutcome::Nothing;
        }
        state.since = Instant::now();
        TakeOutcome::Jobs(TakenJobs { first, count, since: state.since })
    }

    /// Takes back the jobs that a worker has not begun. It has to wait, and others may not.
    pub(crate) fn requeue(&mut self, state: &mut LocalState<J, R>, wakers: &mut Wakers) {
        while let Some(entry) = state.jobs.pop_back() {
            self.jobs.push_front(entry);
        }
        self.wake_worker(wakers);
    }

    /// Accepts no more jobs, refuses the submissions that wait, and wakes all workers.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) {
        if self.is_open() {
            self.stop.phase = if self.workers.list.is_empty() { PoolPhase::Stopped } else { PoolPhase::Draining };
        }
        wakers.close(&self.jobs.permits);
        wakers.others.extend(self.workers.idle.drain());
        self.jobs.sweep();
    }

    /// Ends the run now. The caller records the losses, and then decrements `stop.aborting`.
    pub(crate) fn abort(&mut self, wakers: &mut Wakers) -> Aborted<J, R> {
        self.close(wakers);
        self.stop.phase = PoolPhase::Stopped;
        self.stop.aborting += 1;
        let mut aborted = Aborted { running: Vec::new(), entries: Vec::new(), tasks: Vec::new() };
        for local in self.workers.take() {
            let mut state = local.state.lock();
            state.aborted = true;
            self.workers.detach(&mut state);
            wakers.release(&self.jobs.permits, std::mem::take(&mut state.begun));
            let since = state.since;
            aborted.running.extend(state.running.take().map(|running| (running, since, local.number)));
            aborted.entries.extend(state.jobs.drain(..));
            aborted.tasks.extend(state.abort.take());
        }
        aborted.entries.extend(self.jobs.drain());
        aborted
    }

    pub(crate) fn counts(&self) -> PoolCounts {
        // In this order: the permit of a job that begins in between may be subtracted twice, but a
        // job that has begun is never counted as queued.
        let begun = self.workers.begun();
        let (in_use, tally) = (self.jobs.permits.in_use(), self.workers.tally());
        PoolCounts {
            workers: self.workers.list.len(),
            queued: in_use.saturating_sub(begun),
            accepted: self.jobs.accepted,
            finished: tally.finished,
            panicked: tally.panicked,
            cancelled: self.jobs.cancelled,
            lost: self.stop.lost.len() as u64,
        }
    }
}
