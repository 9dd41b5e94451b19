//! A request: its id, its context, and what ends it.

mod cut;
mod error;
mod id;
mod stalled;
mod timeout;
mod unsent;

use std::{
    any::TypeId,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::Request;
use tracing::{Span, level_filters::LevelFilter};
use upbeat::{
    Context,
    attachment::{AttachedContext, AttachedValue, Attachment},
    diagnostics::Watchpoint,
};

pub use cut::CutRequest;
pub use error::ClientGone;
pub(crate) use error::{RequestEnded, ServerEnded};
pub use id::RequestId;
pub(crate) use id::X_REQUEST_ID;
pub(crate) use stalled::StalledRequest;
pub(crate) use timeout::RequestTimeout;
pub(crate) use unsent::Unsent;

use crate::{listen::Peer, origin::Secured, targets};

/// The state of a request from its head to its end.
///
/// It is attached to the request's context, so that both share one allocation.
#[derive(Debug)]
pub(crate) struct RequestState {
    pub(crate) id: RequestId,
    peer: Peer,
    /// It has arrived encrypted.
    secured: bool,
    /// The point at which probes find the handler.
    pub(crate) watchpoint: Watchpoint,
    /// The handler has returned. Only a hint for probes.
    answered: AtomicBool,
    /// The part of the response that an HTTP/2 engine holds.
    pub(crate) unsent: Unsent,
}

impl RequestState {
    /// Records that the handler has returned or was dropped.
    pub(crate) fn mark_answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }
}

impl AsRef<Watchpoint> for RequestState {
    fn as_ref(&self) -> &Watchpoint {
        &self.watchpoint
    }
}

impl Attachment for RequestState {
    /// Returns the id or the peer. A copy per call costs less than an allocation per request.
    fn value(&self, wanted: TypeId) -> Option<AttachedValue> {
        if wanted == TypeId::of::<RequestId>() {
            Some(Arc::new(self.id.clone()))
        } else if wanted == TypeId::of::<Peer>() {
            Some(Arc::new(self.peer))
        } else if self.secured && wanted == TypeId::of::<Secured>() {
            Some(Arc::new(Secured))
        } else {
            None
        }
    }
}

/// Creates the context of a request.
pub(crate) fn context<B>(
    requests: &Context,
    request: &Request<B>,
    peer: Peer,
    secured: bool,
    timeout: Option<Duration>,
) -> AttachedContext<RequestState> {
    let id = RequestId::of(request.headers());
    let watchpoint = Watchpoint::new();
    let (answered, unsent) = (AtomicBool::new(false), Unsent::default());
    let state = RequestState { id, peer, secured, watchpoint, answered, unsent };
    AttachedContext::new(requests, timeout, state)
}

/// Returns the span for the handler; `None` if no subscriber is interested.
pub(crate) fn span<B>(id: &RequestId, request: &Request<B>) -> Option<Span> {
    if LevelFilter::current() < LevelFilter::INFO {
        return None;
    }
    let span = tracing::info_span!(
        target: targets::REQUEST, "request",
        %id,
        method = %request.method(),
        // Without the query, which may hold secrets.
        path = request.uri().path(),
    );
    (!span.is_disabled()).then_some(span)
}
