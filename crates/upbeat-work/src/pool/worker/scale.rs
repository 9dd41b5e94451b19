//! The number of workers: the first ones, and those that an elastic pool adds.

use std::sync::Arc;

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use upbeat::Context;

use super::shared::PoolShared;
use crate::pool::queue::{local::LocalQueue, stop::PoolPhase};

/// Spawns the task of a worker. It hides the types of the state and of the functions.
pub(crate) type WorkerFactory<J, R> =
    Arc<dyn Fn(&Context, Arc<PoolShared<J, R>>, Arc<LocalQueue<J, R>>) -> AbortHandle + Send + Sync>;

/// The error of [`Pool::start`](super::super::Pool::start) for a pool that runs already.
#[derive(Clone, Debug, thiserror::Error)]
#[error("pool `{pool}` is already started")]
pub struct AlreadyStarted {
    pool: Arc<str>,
}

/// Starts the first workers, and the task that adds others.
pub(crate) fn start<J, R>(
    shared: &Arc<PoolShared<J, R>>,
    factory: &WorkerFactory<J, R>,
    cx: &Context,
) -> Result<(), AlreadyStarted>
where
    J: Send + 'static,
    R: Send + 'static,
{
    let workers = {
        let mut queue = shared.queue.lock();
        match queue.stop.phase {
            PoolPhase::NotStarted => {}
            PoolPhase::Stopped if queue.stop.aborting == 0 => queue.reset(),
            PoolPhase::Running | PoolPhase::Draining | PoolPhase::Stopped => {
                return Err(AlreadyStarted { pool: shared.name.clone() });
            }
        }
        queue.stop.phase = PoolPhase::Running;
        queue.workers.built = 0;
        let permits = queue.jobs.permits.clone();
        let first = 0..*shared.settings.workers.start();
        first.map(|_| queue.workers.add(permits.clone())).collect::<Vec<_>>()
    };
    for local in workers {
        spawn_worker(shared, factory, cx, &local);
    }
    if shared.settings.is_elastic() {
        cx.spawn("scale", scale(shared.clone(), factory.clone(), cx.clone()));
    }
    Ok(())
}

fn spawn_worker<J, R>(
    shared: &Arc<PoolShared<J, R>>,
    factory: &WorkerFactory<J, R>,
    cx: &Context,
    local: &Arc<LocalQueue<J, R>>,
) {
    let task = factory(cx, shared.clone(), local.clone());
    let mut state = local.state.lock();
    if state.aborted {
        // A deadline has passed before there was a task to abort.
        drop(state);
        task.abort();
    } else {
        state.abort = Some(task);
    }
}

/// Adds workers while jobs wait, until all workers have left.
async fn scale<J, R>(shared: Arc<PoolShared<J, R>>, factory: WorkerFactory<J, R>, cx: Context) {
    let growing = async {
        loop {
            shared.backlog.notified().await;
            loop {
                let Some(since) = shared.queue.lock().jobs.backlog_since else { break };
                sleep_until(since + shared.settings.grow_after).await;
                if !grow(&shared, &factory, &cx, since) {
                    break;
                }
            }
        }
    };
    tokio::select! {
        () = shared.until_left() => {}
        () = growing => {}
    }
}

/// Adds a worker if the jobs that waited at `since` still do. Returns whether to check again.
fn grow<J, R>(shared: &Arc<PoolShared<J, R>>, factory: &WorkerFactory<J, R>, cx: &Context, since: Instant) -> bool {
    let local = {
        let mut queue = shared.queue.lock();
        if queue.jobs.backlog_since != Some(since) {
            return queue.jobs.backlog_since.is_some();
        }
        let workers = queue.workers.list.len();
        if workers == 0 || workers >= *shared.settings.workers.end() {
            // A worker leaves only when no jobs wait. Jobs that wait later notify again.
            return false;
        }
        queue.jobs.backlog_since = Some(Instant::now());
        let permits = queue.jobs.permits.clone();
        queue.workers.add(permits)
    };
    spawn_worker(shared, factory, cx, &local);
    true
}
