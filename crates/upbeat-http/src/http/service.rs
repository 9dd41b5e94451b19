use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{self, Entry},
};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt, util::Oneshot};
use tracing::Span;
use upbeat::{BoxError, ContextError};

use super::{
    answer::Answer,
    conn::{Conn, Ticket},
    request::{Patience, span},
    request_id::X_REQUEST_ID,
};
use crate::{
    problem::{PROBLEM_JSON, Problem, refine},
    text::panic_message,
};

/// A user's service as an engine calls it for one connection.
pub(super) struct Calls<S> {
    service: S,
    conn: Arc<Conn>,
}

impl<S> Calls<S> {
    pub(super) fn new(service: S, conn: Arc<Conn>) -> Self {
        Self { service, conn }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Calls<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Respond<S>;

    fn call(&self, mut request: Request<Incoming>) -> Respond<S> {
        let ticket = self.conn.begin(&request);
        let version = request.version();
        let asked = match *request.method() {
            Method::CONNECT => Asked::Connect,
            Method::HEAD => Asked::Head,
            _ => Asked::Other,
        };
        let span = span(&ticket.context().id, &request);
        let extensions = request.extensions_mut();
        if extensions.is_empty() {
            // A place for a few more, or those that a router adds would make it grow.
            extensions.clone_from(&self.conn.shared().extensions);
        }
        extensions.insert(ticket.context().context());
        let patience = self.conn.shared().config.request_timeout.map(|_| Patience::default());
        // A clone for each request, as a service's readiness is for one call.
        let future = {
            let _entered = span.as_ref().map(Span::enter);
            self.service.clone().oneshot(request)
        };
        Respond { future, ticket: Some(ticket), version, asked, span, patience }
    }
}

pin_project! {
    /// The answer of a user's service, whatever becomes of it: an error and a panic are answers too.
    pub(super) struct Respond<S>
    where
        S: Service<Request<Incoming>>,
    {
        #[pin]
        future: Oneshot<S, Request<Incoming>>,
        // `None` once answered.
        ticket: Option<Ticket>,
        version: Version,
        asked: Asked,
        // `None` where nobody looks at it: what tracing does for a span that is disabled is not nothing.
        span: Option<Span>,
        // `None` without a timeout.
        patience: Option<Patience>,
    }
}

/// What of a request's method matters for its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Connect,
    Head,
    Other,
}

impl<S, B> Future for Respond<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Output = Result<Response<Answer<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(ticket) = &*this.ticket else {
            // An engine does not poll a future again that is done.
            return Poll::Pending;
        };
        let entered = this.span.as_ref().map(Span::enter);
        let outcome = match catch_unwind(AssertUnwindSafe(|| ticket.context().point.poll(this.future, cx))) {
            Ok(Poll::Ready(answer)) => Outcome::Answered(answer),
            Ok(Poll::Pending) => {
                let Some(patience) = this.patience else { return Poll::Pending };
                if !patience.is_at_its_end(|| ticket.context().context(), cx) {
                    return Poll::Pending;
                }
                Outcome::TimedOut
            }
            Err(panic) => Outcome::Panicked(panic),
        };
        ticket.context().is_answered();
        let id = ticket.context().id.header();
        let Some(ticket) = this.ticket.take() else { return Poll::Pending };
        let http1 = *this.version < Version::HTTP_2;
        let last = http1 && ticket.conn().shared().is_draining();
        let mut response = match outcome {
            Outcome::Answered(Ok(mut response)) => {
                if http1 && let Some(protocol) = upgraded(&response, *this.asked == Asked::Connect) {
                    ticket.upgrade(&protocol);
                    let mut response = response.map(Answer::untracked);
                    name(&mut response, id);
                    return Poll::Ready(Ok(response));
                }
                match refine(&mut response, id.as_ref()) {
                    Some(body) if *this.asked != Asked::Head => {
                        response.map(|_| Answer::text(body.into(), ticket, !http1))
                    }
                    _ => {
                        let left = length(&response, *this.asked);
                        response.map(|body| Answer::new(body, ticket, !http1, left))
                    }
                }
            }
            Outcome::Answered(Err(error)) => {
                let error: BoxError = error.into();
                let (method, path) = ticket.name();
                tracing::error!(%method, %path, error = &*error, "a request failed: its service returned an error");
                instead(&Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"), id.as_ref(), ticket, !http1)
            }
            Outcome::TimedOut => {
                let (method, path) = ticket.name();
                tracing::warn!(%method, %path, "a request was not answered within its timeout");
                instead(&Problem::from(ContextError::DeadlineExceeded), id.as_ref(), ticket, !http1)
            }
            Outcome::Panicked(panic) => {
                let panic = panic_message(&*panic);
                let (method, path) = ticket.name();
                tracing::error!(%method, %path, panic, "a request failed: its handler panicked");
                instead(&Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"), id.as_ref(), ticket, !http1)
            }
        };
        drop(entered);
        name(&mut response, id);
        if last {
            // No other request shall come here; the engine closes the connection after the answer.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// What became of a handler.
enum Outcome<T> {
    Answered(T),
    TimedOut,
    Panicked(Box<dyn Any + Send>),
}

/// An answer of ours in place of a handler's.
fn instead<B>(problem: &Problem, id: Option<&HeaderValue>, ticket: Ticket, by_chunks: bool) -> Response<Answer<B>> {
    let mut response = Response::new(Answer::text(problem.render(id).into(), ticket, by_chunks));
    *response.status_mut() = problem.status();
    response.headers_mut().clone_from(problem.headers());
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON.clone());
    response
}

/// Says the request's id, unless the service does.
fn name<B>(response: &mut Response<B>, id: Option<HeaderValue>) {
    if let Some(id) = id
        && let Entry::Vacant(place) = response.headers_mut().entry(&X_REQUEST_ID)
    {
        place.insert(id);
    }
}

/// How much of the body an engine will ask for, as far as is known.
fn length<B: Body>(response: &Response<B>, asked: Asked) -> Option<u64> {
    let status = response.status();
    if asked == Asked::Head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Some(0);
    }
    let announced = || response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    response.body().size_hint().exact().or_else(announced)
}

/// What an HTTP/1 connection becomes by this answer.
fn upgraded<B>(response: &Response<B>, connect: bool) -> Option<String> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = response.headers().get(header::UPGRADE).and_then(|protocol| protocol.to_str().ok());
        Some(protocol.unwrap_or("upgraded").to_owned())
    } else if connect && response.status().is_success() {
        Some("tunnel".to_owned())
    } else {
        None
    }
}
