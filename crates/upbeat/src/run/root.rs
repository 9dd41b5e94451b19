//! What a run has to say to the contexts below its own.

use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Run,
    stop::{RunOver, Stopping},
};
use crate::context::{error::ContextError, scope::Ended};

/// What the contexts below a run's own hang on. Made with the first of them: most runs have none.
#[derive(Debug, Default)]
pub(crate) struct Root {
    /// The run was asked to stop, or is over.
    pub(crate) stop: CancellationToken,
    /// The run knows when it will be aborted.
    pub(crate) bounded: CancellationToken,
    /// Nothing is left of the run.
    pub(crate) gone: CancellationToken,
    stopped_at: OnceLock<Instant>,
    gone_at: OnceLock<Instant>,
}

impl Root {
    /// What ends the contexts that end with a stop.
    pub(crate) fn stopped(&self, run: &Run) -> Option<Ended> {
        let error = run.stop.error()?;
        // Not set only where the stop is asked for in this instant.
        let at = self.stopped_at.get().copied().unwrap_or_else(Instant::now);
        Some(Ended { at, error })
    }

    /// What ends the contexts that a stop does not end.
    pub(crate) fn gone(&self, run: &Run) -> Option<Ended> {
        let gone = self.gone_at.get().map(|at| Ended { at: *at, error: ContextError::canceled(RunOver::Gone) });
        let deadline = run.stop.stopping().map(|stopping| stopping.deadline);
        Ended::or_deadline(gone, deadline, None)
    }
}

impl Run {
    pub(crate) fn root(&self) -> Arc<Root> {
        self.with_account(|account| {
            let new = || {
                let root = Root::default();
                // Whoever ends the run later finds the root, under the same lock.
                if self.stop.is_asked() {
                    root.stop.cancel();
                }
                if self.stop.stopping().is_some() {
                    root.bounded.cancel();
                }
                if self.is_gone() {
                    let _ = root.gone_at.set(Instant::now());
                    root.gone.cancel();
                }
                Arc::new(root)
            };
            account.root.get_or_insert_with(new).clone()
        })
    }

    /// Asks it to stop, and ends the contexts below its own.
    pub(crate) fn ask_to_stop(&self, stopping: Arc<Stopping>) {
        self.stopped_now();
        self.stop.request(stopping);
        if let Some(root) = self.existing_root() {
            root.stop.cancel();
            root.bounded.cancel();
        }
    }

    /// It is over, perhaps without having been asked to stop.
    pub(crate) fn is_over(&self, over: RunOver) {
        self.stopped_now();
        self.stop.release(over);
        if let Some(root) = self.existing_root() {
            root.stop.cancel();
            if over == RunOver::Gone {
                let _ = root.gone_at.set(Instant::now());
                root.gone.cancel();
            }
        }
    }

    fn stopped_now(&self) {
        if self.stop.is_asked() {
            return;
        }
        if let Some(root) = self.existing_root() {
            let _ = root.stopped_at.set(Instant::now());
        }
    }

    /// Tokens wake foreign code, so they are cancelled without the account's lock.
    fn existing_root(&self) -> Option<Arc<Root>> {
        self.with_account_if_any(|account| account.root.clone())
    }
}
