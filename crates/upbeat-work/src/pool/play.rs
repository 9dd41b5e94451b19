//! A pool as a player.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use upbeat::{BoxError, Context, Player, diagnostics::WorkList, score::Readiness};

use super::{Pool, PoolFailed, report::title, shared::Shared};

impl<J: Send + 'static, R: Send + 'static> Player for Pool<J, R> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let shared = self.shared();
        self.start(&cx)?;
        let _over = Over(shared);
        let open = Arc::downgrade(shared);
        cx.register_work(move |list| {
            if let Some(open) = open.upgrade() {
                open.list(list);
            }
        });
        let least = *shared.settings.workers.start();
        let failed = shared.until(|queue| queue.failure.is_some().then_some(()));
        let playing = async {
            shared.until(|queue| (queue.built >= least).then_some(())).await;
            cx.ready();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = cx.stopping() => {}
            () = failed => {}
            () = playing => {}
        }
        shared.close();
        let drained = tokio::select! {
            () = shared.until(|queue| queue.workers.is_empty().then_some(())) => self.shutdown(Instant::now()).await,
            drained = async {
                cx.stopping().await;
                // A little before its own end, so that it can still say what was lost.
                let left = cx.remaining().unwrap_or_default();
                self.shutdown(Instant::now() + left.saturating_sub((left / 10).min(Duration::from_millis(100)))).await
            } => drained,
        };
        cx.note(&drained);
        for lost in &drained.lost {
            cx.report_lost(lost);
        }
        match drained.failure {
            Some(error) => {
                let (pool, attempts) = (shared.name.clone(), shared.settings.attempts);
                Err(PoolFailed { pool, attempts, error }.into())
            }
            None => Ok(()),
        }
    }

    /// Ready when each of the first workers has its state.
    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }

    fn instance(&self) -> Option<usize> {
        Some(Arc::as_ptr(self.shared()).addr())
    }
}

/// Ends the pool when its player is aborted, so that nobody waits for replies that never come.
struct Over<'a, J, R>(&'a Shared<J, R>);

impl<J, R> Drop for Over<'_, J, R> {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl<J, R> Shared<J, R> {
    /// What is under way, and how much waits.
    fn list(&self, list: &mut WorkList) {
        let queue = self.queue.lock();
        if let Some(since) = queue.waiting_since {
            list.add(since, || format!("{} jobs in the queue, none idle", queue.queued), None);
        }
        for worker in &queue.workers {
            let state = worker.state.lock();
            if let Some(running) = &state.running {
                let name =
                    || format!("{} on worker {}", title(running.job.number, running.name.as_deref()), worker.number);
                list.add(state.since, name, None);
            }
        }
    }
}
