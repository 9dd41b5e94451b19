//! The task of one worker: it builds a state, runs jobs with it, and builds another after a panic.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};

use tokio::{
    task::coop::{consume_budget, has_budget_remaining},
    time::timeout,
};
use upbeat::{
    BoxError, Context,
    panic::{CatchPanic, Panic},
};

use super::{Worker, call::Work, pace::Pace, shared::PoolShared, state::build};
use crate::{
    pool::queue::{
        entry::Notification,
        local::LocalQueue,
        outcome::{JobOutcome, discard},
    },
    targets,
};

/// Removes the worker from its pool, whatever ends its task.
struct LeaveGuard<J, R> {
    shared: Arc<PoolShared<J, R>>,
    local: Arc<LocalQueue<J, R>>,
}

impl<J, R> Drop for LeaveGuard<J, R> {
    fn drop(&mut self) {
        self.shared.leave(&self.local);
    }
}

/// The receivers of outcomes that a worker has not woken yet.
struct Notifications<J, R>(Vec<Notification<J, R>>);

impl<J, R> Notifications<J, R> {
    fn add(&mut self, notification: Option<Notification<J, R>>) {
        self.0.extend(notification);
    }

    fn send(&mut self) {
        self.0.drain(..).for_each(Notification::send);
    }
}

/// Runs a worker until it has to leave.
pub(crate) async fn run<S, J, R, E, M, MFut, W>(
    shared: Arc<PoolShared<J, R>>,
    local: Arc<LocalQueue<J, R>>,
    cx: Context,
    make: Arc<M>,
    work: Arc<W>,
) where
    S: Send + 'static,
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
    W: for<'a> Work<'a, S, J, Reply = R>,
{
    let guard = LeaveGuard { shared, local };
    let (shared, local) = (&*guard.shared, &*guard.local);
    let worker = Worker::new(local.number, cx);
    let mut pace = Pace::default();
    let mut notifications = Notifications(Vec::new());
    let mut first = true;
    while let Some(mut state) = build(shared, local, &worker, &*make).await {
        if std::mem::take(&mut first) {
            shared.set_built(local);
        }
        let mut outcome = None;
        loop {
            let Some(job) = next(shared, local, outcome.take(), &mut pace, &mut notifications).await else {
                discard(state);
                return;
            };
            match perform(shared, local, &*work, &mut state, job, &mut pace, &mut notifications).await {
                Ok(reply) => outcome = Some(JobOutcome::Finished(reply)),
                Err(panic) => {
                    tracing::error!(
                        target: targets::POOL,
                        pool = &*shared.name,
                        worker = local.number,
                        panic = panic.message(),
                        location = panic.location(),
                        "job panicked"
                    );
                    notifications.add(local.fail(panic));
                    break;
                }
            }
        }
        // The other jobs need not wait for the new state.
        shared.set_waiting(local);
        notifications.send();
        discard(state);
    }
}

/// Hands over the outcome of the last job, and waits for the next job. Returns `None` if the worker
/// has to leave.
async fn next<J, R>(
    shared: &PoolShared<J, R>,
    local: &LocalQueue<J, R>,
    mut outcome: Option<JobOutcome<R>>,
    pace: &mut Pace,
    notifications: &mut Notifications<J, R>,
) -> Option<J> {
    loop {
        let step = local.step(outcome.take());
        notifications.add(step.notification);
        if let Some(job) = step.next {
            return Some(begin(shared, local, job, notifications).await);
        }
        notifications.send();
        let mut idle = false;
        let taking = poll_fn(|cx| {
            let taken = shared.poll_take(local, pace.max_jobs(), idle, cx);
            if taken.is_pending() && !std::mem::replace(&mut idle, true) {
                pace.idle();
            }
            taken
        });
        let taken = if shared.settings.is_elastic() {
            match timeout(shared.settings.idle_timeout, taking).await {
                Ok(taken) => taken,
                Err(_) if shared.retire(local) => return None,
                Err(_) => continue,
            }
        } else {
            taking.await
        }?;
        pace.took(taken.count, taken.since);
        if let Some(job) = taken.first {
            return Some(begin(shared, local, job, notifications).await);
        }
    }
}

/// Names a job that has begun, and yields if the task has used up its budget.
async fn begin<J, R>(
    shared: &PoolShared<J, R>,
    local: &LocalQueue<J, R>,
    job: J,
    notifications: &mut Notifications<J, R>,
) -> J {
    if let Some(name) = &shared.settings.name_job {
        let name = Panic::catch(|| name(&job)).ok();
        if let Some(running) = &mut local.state.lock().running {
            running.name = name;
        }
    }
    if !has_budget_remaining() {
        // Other tasks run now, and the receivers may be among them.
        notifications.send();
    }
    consume_budget().await;
    job
}

/// Runs one job to its end. Any panic is a failure of the job, also one of the drop of its future.
async fn perform<'a, S, J, R, W>(
    shared: &PoolShared<J, R>,
    local: &LocalQueue<J, R>,
    work: &W,
    state: &'a mut S,
    job: J,
    pace: &mut Pace,
    notifications: &mut Notifications<J, R>,
) -> Result<R, Panic>
where
    W: Work<'a, S, J, Reply = R>,
{
    let mut running = pin!(CatchPanic::new(async { work.call(state, job).await }));
    let mut has_waited = false;
    poll_fn(|cx| {
        let polled = running.as_mut().poll(cx);
        if polled.is_pending() && !std::mem::replace(&mut has_waited, true) {
            pace.waited();
            shared.set_waiting(local);
            notifications.send();
        }
        polled
    })
    .await
}
