use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use tokio::time::Sleep;
use upbeat::Context;

/// The time in which a handler may still respond by itself after its context has timed out.
const TIMEOUT_GRACE: Duration = Duration::from_millis(100);

/// The timer after which the server responds in place of a handler.
///
/// It is created by the first poll that finds the handler pending.
#[derive(Debug, Default)]
pub(crate) struct RequestTimeout(Option<Pin<Box<Sleep>>>);

impl RequestTimeout {
    /// Returns whether the timeout and the grace after it have passed, or registers the task.
    pub(crate) fn poll_expired(&mut self, request: impl FnOnce() -> Context, task: &mut TaskContext<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| {
            let left = request().remaining().unwrap_or(Duration::MAX).saturating_add(TIMEOUT_GRACE);
            Box::pin(tokio::time::sleep(left))
        });
        sleep.as_mut().poll(task) == Poll::Ready(())
    }
}
