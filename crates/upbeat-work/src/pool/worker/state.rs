//! Building the state of a worker.

use std::future::Future;

use tokio::time::sleep;
use upbeat::{
    BoxError,
    panic::{CatchPanic, Panic},
};

use super::{Worker, shared::PoolShared};
use crate::{
    pool::queue::{local::LocalQueue, stop::PoolPhase},
    targets,
};

/// Builds the state of a worker, with retries. Returns `None` if the worker has to leave.
pub(super) async fn build<S, J, R, E, M, MFut>(
    shared: &PoolShared<J, R>,
    local: &LocalQueue<J, R>,
    worker: &Worker,
    make: &M,
) -> Option<S>
where
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
{
    let building = async {
        let mut failed = 0;
        loop {
            let error = match attempt(make, worker.clone()).await {
                Ok(state) => return Some(state),
                Err(error) => error,
            };
            failed += 1;
            if failed >= shared.settings.max_attempts {
                shared.fail(local, error);
                return None;
            }
            let delay = shared.settings.delay(failed);
            tracing::warn!(
                target: targets::POOL,
                pool = &*shared.name,
                worker = local.number,
                attempt = failed,
                delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                %error,
                "worker init failed, retrying"
            );
            sleep(delay).await;
        }
    };
    tokio::select! {
        biased;
        state = building => state,
        // A pool that drains needs no state if no job is left.
        () = shared.until(|queue| {
            (queue.stop.phase == PoolPhase::Draining && queue.jobs.queued == 0).then_some(())
        }) => None,
    }
}

async fn attempt<S, E, M, MFut>(make: &M, worker: Worker) -> Result<S, BoxError>
where
    E: Into<BoxError>,
    M: Fn(Worker) -> MFut,
    MFut: Future<Output = Result<S, E>> + Send,
{
    let building = Panic::catch(|| make(worker))?;
    CatchPanic::new(building).await?.map_err(Into::into)
}
