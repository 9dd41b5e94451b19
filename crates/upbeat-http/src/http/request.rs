use std::{
    any::TypeId,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use http::Request;
use tokio::time::Sleep;
use tracing::{Span, level_filters::LevelFilter};
use upbeat::{
    Context,
    carrier::{Carried, Carrier, Value},
    probe::Watchpoint,
};

use super::request_id::RequestId;
use crate::listen::Peer;

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

/// What is known of a request from its head to its end. Its context carries it, so that both are one piece of memory.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: RequestId,
    peer: Peer,
    /// From where its handler is watched.
    pub(super) point: Watchpoint,
    /// The handler is gone. Only a hint for those who would ask it.
    answered: AtomicBool,
}

impl Known {
    /// The handler has answered, or was dropped.
    pub(super) fn is_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

impl AsRef<Watchpoint> for Known {
    fn as_ref(&self) -> &Watchpoint {
        &self.point
    }
}

impl Carried for Known {
    /// The id, and the client. A copy for each who asks costs less than a place of its own for every request.
    fn value(&self, wanted: TypeId) -> Option<Value> {
        if wanted == TypeId::of::<RequestId>() {
            Some(Arc::new(self.id.clone()))
        } else if wanted == TypeId::of::<Peer>() {
            Some(Arc::new(self.peer))
        } else {
            None
        }
    }
}

/// The context of a request.
pub(super) fn context<B>(
    requests: &Context,
    request: &Request<B>,
    peer: Peer,
    timeout: Option<Duration>,
) -> Carrier<Known> {
    let id = RequestId::of(request.headers());
    Carrier::new(requests, timeout, Known { id, peer, point: Watchpoint::new(), answered: AtomicBool::new(false) })
}

/// The span that a handler runs in, if anybody looks at such spans.
pub(super) fn span<B>(id: &RequestId, request: &Request<B>) -> Option<Span> {
    if LevelFilter::current() < LevelFilter::INFO {
        return None;
    }
    let span = tracing::info_span!(
        "request",
        %id,
        method = %request.method(),
        // Without the query, which may hold what must not stand in a log.
        path = request.uri().path(),
    );
    (!span.is_disabled()).then_some(span)
}

/// When the server answers in place of a handler. Made by the first poll that finds it waiting.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Pin<Box<Sleep>>>);

impl Patience {
    /// Whether the timeout has passed, and the grace after it.
    pub(super) fn is_at_its_end(&mut self, request: impl FnOnce() -> Context, task: &mut TaskContext<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| {
            let left = request().remaining().unwrap_or(Duration::MAX).saturating_add(TIMEOUT_GRACE);
            Box::pin(tokio::time::sleep(left))
        });
        sleep.as_mut().poll(task) == Poll::Ready(())
    }
}
