//! A pool as a player.

use std::{future::pending, sync::Arc};

use tokio::time::Instant;
use upbeat::{BoxError, Context, Player, diagnostics::WorkList, player::PlayerId, score::Readiness};

use super::{error::PoolFailed, pool::Pool};
use crate::pool::{
    queue::{Queue, report::title},
    worker::shared::PoolShared,
};

impl<J: Send + 'static, R: Send + 'static> Player for Pool<J, R> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let shared = self.shared();
        self.start(&cx)?;
        let _guard = AbortGuard(shared);
        let listed = Arc::downgrade(shared);
        cx.register_work(move |list| {
            if let Some(shared) = listed.upgrade() {
                list_work(&shared.queue.lock(), list);
            }
        });
        let first = *shared.settings.workers.start();
        let failed = shared.until(|queue| queue.stop.failure.is_some().then_some(()));
        let running = async {
            shared.until(|queue| (queue.workers.built >= first).then_some(())).await;
            cx.ready();
            pending::<()>().await;
        };
        tokio::select! {
            () = cx.stopping() => {}
            () = failed => {}
            () = running => {}
        }
        shared.close();
        let drained = tokio::select! {
            () = shared.until_left() => self.shutdown(Instant::now()).await,
            drained = async {
                cx.stopping().await;
                self.shutdown(cx.drain_deadline().unwrap_or_else(Instant::now)).await
            } => drained,
        };
        cx.note(&drained);
        for lost in &drained.lost {
            cx.report_lost(lost);
        }
        match drained.failure {
            Some(error) => {
                let (pool, attempts) = (shared.name.clone(), shared.settings.max_attempts);
                Err(PoolFailed { pool, attempts, error }.into())
            }
            None => Ok(()),
        }
    }

    /// Returns that the pool signals: it is ready once each of its first workers has a state.
    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }

    fn identity(&self) -> Option<PlayerId> {
        Some(PlayerId::of(self.shared()))
    }
}

/// Aborts the pool when its run is aborted, so that all tickets complete.
struct AbortGuard<'a, J, R>(&'a PoolShared<J, R>);

impl<J, R> Drop for AbortGuard<'_, J, R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lists the running jobs, and how many jobs wait.
fn list_work<J, R>(queue: &Queue<J, R>, list: &mut WorkList) {
    if let Some(since) = queue.jobs.backlog_since {
        list.add(since, || format!("{} jobs queued, no idle worker", queue.jobs.queued), None);
    }
    for worker in &queue.workers.list {
        let state = worker.state.lock();
        if let Some(running) = &state.running {
            let job = title(running.job.number, running.name.as_deref());
            list.add(state.since, || format!("{job} on worker {}", worker.number), None);
        }
    }
}
