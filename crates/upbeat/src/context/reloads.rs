//! Requests to reload the configuration.

use tokio::sync::watch;

/// A subscription to reload requests, from [`Context::reloads`](super::Context::reloads).
#[derive(Clone, Debug)]
pub struct Reloads {
    pub(super) requests: watch::Receiver<u64>,
}

impl Reloads {
    /// Waits for a reload request. Requests that arrive between two calls become one.
    ///
    /// Never completes after the end of the outermost conductor.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no request.
    pub async fn recv(&mut self) {
        if self.requests.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
