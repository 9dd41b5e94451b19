//! The end of jobs, of workers and of the pool, other than by success.

use std::sync::Arc;

use upbeat::{BoxError, panic::Panic};

use super::shared::{PoolShared, RunNumber};
use crate::pool::queue::{
    Aborted, Queue,
    entry::Notification,
    local::LocalQueue,
    outcome::{JobOutcome, discard},
    report::{Drained, Lost},
    stop::PoolPhase,
};

impl<J, R> PoolShared<J, R> {
    /// Removes a worker that is gone, for any reason. If it was the last one, ends the pool, since
    /// no worker is left for the queued jobs.
    pub(super) fn leave(&self, local: &LocalQueue<J, R>) {
        let (running, aborted) = self.with(|queue, wakers| {
            if !queue.workers.remove(local) {
                return (None, None);
            }
            let mut state = local.state.lock();
            queue.requeue(&mut state, wakers);
            wakers.release(&queue.jobs.permits, std::mem::take(&mut state.begun));
            let running = state.running.take();
            if let Some(running) = &running {
                queue.stop.lost.push(running.lost(state.since.elapsed(), local.number));
            }
            drop(state);
            // Under this lock, because a moment later it might be the next run that is aborted.
            (running, queue.workers.list.is_empty().then(|| queue.abort(wakers)))
        });
        if let Some(running) = running {
            running.job.finish(JobOutcome::Lost { begun: true }).into_iter().for_each(Notification::send);
        }
        if let Some(aborted) = aborted {
            self.record_lost(aborted);
        }
        self.changed.notify_waiters();
    }

    /// Accepts no more jobs. Workers finish the queued jobs and leave.
    pub(crate) fn close(&self) {
        let aborted = self.with(|queue, wakers| {
            queue.close(wakers);
            (queue.stop.phase == PoolPhase::Stopped).then(|| queue.abort(wakers))
        });
        if let Some(aborted) = aborted {
            self.record_lost(aborted);
        }
        self.changed.notify_waiters();
    }

    /// Ends the pool now. Jobs that are not finished are lost.
    pub(crate) fn abort(&self) {
        let aborted = self.with(Queue::abort);
        self.record_lost(aborted);
        self.changed.notify_waiters();
    }

    /// Records the lost jobs, and completes their tickets.
    fn record_lost(&self, aborted: Aborted<J, R>) {
        let (mut lost, mut ended, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        for (running, since, worker) in aborted.running {
            lost.push(running.lost(since.elapsed(), worker));
            ended.push((running.job, true));
        }
        for task in aborted.tasks {
            task.abort();
        }
        for entry in aborted.entries {
            let mut rest = Some(entry);
            while let Some(entry) = rest.take() {
                let beginning = entry.begin();
                rest = beginning.rest;
                if let Some((job, begun)) = beginning.job {
                    let name = self.settings.name_job.as_ref().and_then(|name| Panic::catch(|| name(&job)).ok());
                    lost.push(Lost { number: begun.number, name, begun: None });
                    ended.push((begun, false));
                    jobs.push(job);
                }
            }
        }
        self.with(|queue, wakers| {
            queue.stop.lost.extend(lost);
            wakers.release(&queue.jobs.permits, jobs.len());
            queue.stop.aborting -= 1;
        });
        jobs.into_iter().for_each(discard);
        // After the counts: a caller whose job was lost finds it counted.
        for (job, begun) in ended {
            job.finish(JobOutcome::Lost { begun }).into_iter().for_each(Notification::send);
        }
    }

    /// Closes the pool because a worker cannot build its state. The first such error is kept.
    pub(super) fn fail(&self, local: &LocalQueue<J, R>, error: BoxError) {
        let error = Arc::new(error);
        self.with(|queue, wakers| {
            // Under this lock, because a moment later it might be the next run that is closed.
            if !local.state.lock().aborted {
                queue.stop.failure.get_or_insert_with(|| error.clone());
                queue.close(wakers);
            }
        });
        self.changed.notify_waiters();
    }

    /// Returns the permits of jobs that were cancelled before they began.
    pub(crate) fn cancel(&self, run: RunNumber, jobs: usize) {
        let draining = self.with(|queue, wakers| {
            if queue.jobs.run != run {
                // That run has ended, and its counts with it.
                return false;
            }
            queue.jobs.cancelled += jobs as u64;
            wakers.release(&queue.jobs.permits, jobs);
            let draining = queue.stop.phase == PoolPhase::Draining;
            if draining {
                queue.jobs.sweep();
            }
            draining
        });
        if draining {
            self.changed.notify_waiters();
        }
    }

    /// Returns the results of a run that has ended. Waits until all losses are recorded.
    pub(crate) async fn drained(&self) -> Drained {
        // Another abort, such as that of the last worker that left, may be in progress.
        self.until(|queue| {
            (queue.stop.aborting == 0).then(|| Drained {
                counts: queue.counts(),
                lost: queue.stop.lost.clone(),
                failure: queue.stop.failure.clone(),
            })
        })
        .await
    }
}

/// The part of a pool that tickets use, without the type of the jobs.
pub(crate) trait CancelJobs: Send + Sync {
    /// Notes that jobs of a run were cancelled before they began.
    fn cancel(&self, run: RunNumber, jobs: usize);
}

impl<J: Send, R: Send> CancelJobs for PoolShared<J, R> {
    fn cancel(&self, run: RunNumber, jobs: usize) {
        Self::cancel(self, run, jobs);
    }
}
