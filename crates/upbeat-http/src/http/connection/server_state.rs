use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use http::Extensions;
use tokio::time::Instant;
use upbeat::Context;

use crate::http::config::Config;

/// The state that all connections of one run share.
pub(crate) struct ServerState {
    pub(crate) config: Config,
    /// The context of the run.
    pub(crate) context: Context,
    /// The parent of the contexts of all requests. A stop does not end it.
    pub(crate) requests: Context,
    /// The template for the extensions of a request: empty, with capacity for a few.
    pub(crate) extensions: Extensions,
    /// The start of the drain. It is set before the connections are woken, which read it on every
    /// poll.
    draining: OnceLock<Instant>,
    finished: AtomicU64,
    abandoned: AtomicU64,
}

impl ServerState {
    pub(crate) fn new(config: Config, context: Context) -> Arc<Self> {
        Arc::new(Self {
            config,
            requests: context.until_deadline(),
            context,
            extensions: with_capacity(),
            draining: OnceLock::new(),
            finished: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        })
    }

    pub(crate) fn draining_since(&self) -> Option<Instant> {
        self.draining.get().copied()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get().is_some()
    }

    pub(super) fn begin_drain(&self, now: Instant) {
        let _ = self.draining.set(now);
    }

    /// Counts a request that was answered, if the server is draining.
    pub(super) fn count_finished(&self) {
        if self.is_draining() {
            self.add_finished(1);
        }
    }

    pub(super) fn add_finished(&self, requests: u64) {
        self.finished.fetch_add(requests, Ordering::Relaxed);
    }

    pub(super) fn add_abandoned(&self, requests: u64) {
        self.abandoned.fetch_add(requests, Ordering::Relaxed);
    }

    /// Returns the number of requests that were answered during the drain.
    pub(crate) fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that were abandoned by their clients during the drain.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Returns empty extensions with capacity for a few, which a clone keeps.
///
/// Extensions that grow on their own do so in two steps, the second of which comes with axum's
/// third extension.
fn with_capacity() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert([(); 1]);
    extensions.insert([(); 2]);
    extensions.insert([(); 3]);
    extensions.insert([(); 4]);
    extensions.clear();
    extensions
}
