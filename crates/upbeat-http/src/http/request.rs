use std::{
    future::Future,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use http::Request;
use tokio::time::Sleep;
use upbeat::Context;

use super::request_id::RequestId;

/// How long after its timeout a handler that has seen it may still give an answer of its own.
pub(super) const TIMEOUT_GRACE: Duration = Duration::from_millis(100);

/// Why a request's context is done: its client went away before it had the whole answer.
///
/// It is the cause of a [`ContextError::Canceled`](upbeat::ContextError::Canceled):
///
/// ```
/// use upbeat::ContextError;
/// use upbeat_http::ClientGone;
///
/// fn nobody_waits(error: &ContextError) -> bool {
///     matches!(error, ContextError::Canceled { cause } if cause.is::<ClientGone>())
/// }
/// # assert!(!nobody_waits(&ContextError::DeadlineExceeded));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client has gone")]
#[non_exhaustive]
pub struct ClientGone;

/// Why a request's context is done: it is answered.
#[derive(Debug, thiserror::Error)]
#[error("the request has ended")]
pub(super) struct RequestEnded;

/// Why the contexts of all requests of a server are done.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerEnded {
    #[error("the drain deadline has passed")]
    DrainDeadline,
    #[error("the server was aborted")]
    Aborted,
}

/// The context of a request.
pub(super) fn context<B>(requests: &Context, request: &Request<B>, timeout: Option<Duration>) -> Context {
    let cx = requests.with_value(RequestId::of(request.headers()));
    match timeout {
        Some(timeout) => cx.with_timeout(timeout),
        None => cx,
    }
}

/// The span that a handler runs in.
pub(super) fn span<B>(cx: &Context, request: &Request<B>) -> tracing::Span {
    tracing::info_span!(
        "request",
        id = cx.value::<RequestId>().map(tracing::field::display),
        method = %request.method(),
        // Without the query, which may hold what must not stand in a log.
        path = request.uri().path(),
    )
}

/// When the server answers in place of a handler. Made by the first poll that finds it waiting.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// Whether the timeout has passed, and the grace after it.
    pub(super) fn is_at_its_end(&mut self, request: &Context, task: &mut TaskContext<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| {
            let left = request.remaining().unwrap_or(Duration::MAX).saturating_add(TIMEOUT_GRACE);
            Box::pin(tokio::time::sleep(left))
        });
        sleep.as_mut().poll(task) == Poll::Ready(())
    }
}
