//! The state that handles, tickets and workers of a pool share.

use std::{
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::settings::PoolSettings;
use crate::pool::queue::{
    Queue, TakeOutcome, TakenJobs,
    batch::JobBatch,
    entry::Entry,
    local::LocalQueue,
    pending::PendingJob,
    permits::{Permit, PermitWait},
    report::PoolCounts,
    stop::PoolPhase,
    wakers::Wakers,
};

pub(crate) struct PoolShared<J, R> {
    pub(crate) name: Arc<str>,
    pub(crate) settings: PoolSettings<J>,
    pub(crate) queue: Mutex<Queue<J, R>>,
    /// Notified when a worker has its state or is gone, and when nothing is queued any more.
    pub(crate) changed: Notify,
    /// Notified when jobs begin to wait while no worker is idle.
    pub(crate) backlog: Notify,
}

/// The reason why a job was not accepted.
pub(crate) enum Refusal {
    Closed,
    /// There is no permit. A submission that is ready to wait is registered.
    Full(Option<PermitWait>),
}

/// The number of the run that has accepted a job.
pub(crate) type RunNumber = u64;

impl<J, R> PoolShared<J, R> {
    pub(crate) fn new(name: Arc<str>, settings: PoolSettings<J>) -> Self {
        let queue = Mutex::new(Queue::new(settings.queue_capacity));
        Self { name, settings, queue, changed: Notify::new(), backlog: Notify::new() }
    }

    /// Changes the queue under the lock, and wakes tasks without it.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Queue<J, R>, &mut Wakers) -> T) -> T {
        let mut wakers = Wakers::default();
        let mut queue = self.queue.lock();
        let done = change(&mut queue, &mut wakers);
        drop(queue);
        if wakers.backlog && self.settings.is_elastic() {
            self.backlog.notify_one();
        }
        wakers.wake();
        done
    }

    /// Appends a job, if there is a permit. Otherwise registers the submission if it `waits`.
    pub(crate) fn push(&self, job: &Arc<PendingJob<J, R>>, waits: bool) -> Result<RunNumber, Refusal> {
        self.with(|queue, wakers| {
            if !queue.is_open() {
                return Err(Refusal::Closed);
            }
            if queue.try_acquire(1) == 0 {
                return Err(Refusal::Full(waits.then(|| queue.wait(wakers))));
            }
            queue.push(Entry::One { job: job.clone(), number: queue.jobs.accepted }, wakers);
            Ok(queue.jobs.run)
        })
    }

    /// Appends a job with a permit. Returns `None` if the pool has closed meanwhile.
    pub(crate) fn push_with(&self, job: &Arc<PendingJob<J, R>>, mut permit: Permit) -> Option<RunNumber> {
        self.with(|queue, wakers| {
            if !queue.is_open() || !permit.is_of(&queue.jobs.permits) {
                return None;
            }
            permit.spend(1);
            queue.push(Entry::One { job: job.clone(), number: queue.jobs.accepted }, wakers);
            Some(queue.jobs.run)
        })
    }

    /// Takes up to `max` permits, or registers the submission if it `waits`.
    pub(crate) fn reserve(&self, max: usize, waits: bool) -> Result<Permit, Refusal> {
        self.with(|queue, wakers| {
            if !queue.is_open() {
                return Err(Refusal::Closed);
            }
            match queue.try_acquire(max) {
                0 => Err(Refusal::Full(waits.then(|| queue.wait(wakers)))),
                count => Ok(Permit::new(queue.jobs.permits.clone(), count)),
            }
        })
    }

    /// Appends jobs with permits, and returns those that are left over. Returns `None` if the pool
    /// has closed meanwhile.
    pub(crate) fn push_batch(&self, batch: &Arc<JobBatch<J, R>>, mut permit: Permit) -> Option<RunNumber> {
        let jobs = batch.len();
        self.with(|queue, wakers| {
            if !queue.is_open() || !permit.is_of(&queue.jobs.permits) {
                return None;
            }
            if jobs > 0 {
                permit.spend(jobs);
                let number = queue.jobs.accepted;
                queue.push(Entry::Run { batch: batch.clone(), from: 0, to: jobs, number }, wakers);
            }
            Some(queue.jobs.run)
        })
    }

    /// Takes up to `max` jobs for a worker, which runs the first. `None`: the worker has to leave.
    /// `was_idle` is whether the worker has looked in vain before.
    pub(super) fn poll_take(
        &self,
        local: &LocalQueue<J, R>,
        max: usize,
        was_idle: bool,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<TakenJobs<J>>> {
        let (taken, drained) = self.with(|queue, wakers| {
            if was_idle {
                queue.workers.idle.forget(local.id);
            }
            let take = queue.take(local, max, wakers);
            let draining = queue.stop.phase == PoolPhase::Draining;
            match take {
                TakeOutcome::Jobs(taken) => (Poll::Ready(Some(taken)), draining && queue.jobs.queued == 0),
                TakeOutcome::Nothing if !draining => {
                    queue.workers.idle.insert(local.id, cx.waker());
                    (Poll::Pending, false)
                }
                TakeOutcome::Nothing | TakeOutcome::Aborted => (Poll::Ready(None), false),
            }
        });
        if drained {
            self.changed.notify_waiters();
        }
        taken
    }

    /// Notes that the running job has to wait. The jobs behind it go back into the queue.
    pub(super) fn set_waiting(&self, local: &LocalQueue<J, R>) {
        let now = Instant::now();
        self.with(|queue, wakers| {
            let mut state = local.state.lock();
            state.since = now;
            queue.workers.set_active(&mut state, false);
            queue.requeue(&mut state, wakers);
        });
    }

    /// Removes a worker that has been idle for long, unless it is needed. Returns whether it was
    /// removed.
    pub(super) fn retire(&self, local: &LocalQueue<J, R>) -> bool {
        let retired = self.with(|queue, _| {
            // It is not idle while it looks again.
            queue.workers.idle.remove(local.id);
            let spare = queue.workers.list.len() > *self.settings.workers.start() && queue.jobs.queued == 0;
            spare && queue.workers.remove(local)
        });
        if retired {
            self.changed.notify_waiters();
        }
        retired
    }

    /// Counts a worker that has its first state.
    pub(super) fn set_built(&self, local: &LocalQueue<J, R>) {
        self.with(|queue, _| queue.workers.built += usize::from(!local.state.lock().aborted));
        self.changed.notify_waiters();
    }

    /// Completes when `condition` returns a value. It is checked after every change.
    pub(crate) async fn until<T>(&self, mut condition: impl FnMut(&mut Queue<J, R>) -> Option<T>) -> T {
        loop {
            // Created before the check, so that a change in between wakes it.
            let changed = self.changed.notified();
            if let Some(value) = condition(&mut self.queue.lock()) {
                return value;
            }
            changed.await;
        }
    }

    /// Completes when all workers have left.
    pub(crate) async fn until_left(&self) {
        self.until(|queue| queue.workers.list.is_empty().then_some(())).await;
    }

    pub(crate) fn counts(&self) -> PoolCounts {
        self.queue.lock().counts()
    }
}
