use std::sync::Arc;

use hyper::rt::Executor;

use crate::http::connection::Conn;

/// Spawns the tasks of HTTP/2 requests, and records each with its request.
#[derive(Clone)]
pub(crate) struct StreamExecutor(pub(super) Arc<Conn>);

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawned(tokio::spawn(future).abort_handle());
    }
}
