use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{self, Entry},
};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};
use tracing::Span;
use upbeat::{
    BoxError, ContextError,
    panic::{CatchPanic, Panic},
};

use super::body::ResponseBody;
use crate::{
    http::{
        connection::InFlightRequest,
        request::{RequestTimeout, X_REQUEST_ID},
    },
    problem::{PROBLEM_JSON, Problem, refine},
    targets,
};

pin_project! {
    /// The future of a response. An error, a panic and a timeout of the user's service are
    /// responses too.
    pub(crate) struct Respond<S>
    where
        S: Service<Request<Incoming>>,
    {
        #[pin]
        future: CatchPanic<Oneshot<S, Request<Incoming>>>,
        // `None` once the response was returned.
        in_flight: Option<InFlightRequest>,
        version: Version,
        method: MethodKind,
        // `None` without a subscriber: a disabled span is not free.
        span: Option<Span>,
        // `None` without a timeout.
        timeout: Option<RequestTimeout>,
    }
}

/// The property of a request's method that affects its response.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MethodKind {
    Connect,
    Head,
    Other,
}

impl<S> Respond<S>
where
    S: Service<Request<Incoming>>,
{
    pub(super) fn new(
        future: Oneshot<S, Request<Incoming>>,
        in_flight: InFlightRequest,
        version: Version,
        method: MethodKind,
        span: Option<Span>,
        timeout: Option<RequestTimeout>,
    ) -> Self {
        let future = CatchPanic::new(future);
        Self { future, in_flight: Some(in_flight), version, method, span, timeout }
    }
}

impl<S, B> Future for Respond<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(in_flight) = &*this.in_flight else {
            // An engine does not poll a completed future.
            return Poll::Pending;
        };
        let entered = this.span.as_ref().map(Span::enter);
        let outcome = match in_flight.context().watchpoint.poll(this.future, cx) {
            Poll::Ready(Ok(result)) => HandlerOutcome::Returned(result),
            Poll::Ready(Err(panic)) => HandlerOutcome::Panicked(panic),
            Poll::Pending => {
                let Some(timeout) = this.timeout else { return Poll::Pending };
                if !timeout.poll_expired(|| in_flight.context().context(), cx) {
                    return Poll::Pending;
                }
                HandlerOutcome::TimedOut
            }
        };
        in_flight.context().mark_answered();
        let id = in_flight.context().id.header();
        let Some(in_flight) = this.in_flight.take() else { return Poll::Pending };
        let http1 = *this.version < Version::HTTP_2;
        let last = http1 && in_flight.conn().server().is_draining();
        let mut response = match outcome {
            HandlerOutcome::Returned(Ok(mut response)) => {
                if http1 && let Some(protocol) = upgraded(&response, *this.method == MethodKind::Connect) {
                    in_flight.upgrade(&protocol);
                    let mut response = response.map(ResponseBody::untracked);
                    set_request_id(&mut response, id);
                    return Poll::Ready(Ok(response));
                }
                match refine(&mut response, id.as_ref()) {
                    Some(body) if *this.method != MethodKind::Head => {
                        response.map(|_| ResponseBody::text(body.into(), in_flight, !http1))
                    }
                    _ => {
                        let left = body_length(&response, *this.method);
                        response.map(|body| ResponseBody::new(body, in_flight, !http1, left))
                    }
                }
            }
            HandlerOutcome::Returned(Err(error)) => {
                let error: BoxError = error.into();
                let (method, path) = in_flight.name();
                tracing::error!(target: targets::REQUEST, %method, %path, error = &*error, "request failed: service returned an error");
                problem_response(&internal(), id.as_ref(), in_flight, !http1)
            }
            HandlerOutcome::TimedOut => {
                let (method, path) = in_flight.name();
                tracing::warn!(target: targets::REQUEST, %method, %path, "request timed out");
                problem_response(&ContextError::DeadlineExceeded.into(), id.as_ref(), in_flight, !http1)
            }
            HandlerOutcome::Panicked(panic) => {
                let (method, path) = in_flight.name();
                tracing::error!(target: targets::REQUEST, %method, %path, panic = panic.message(), location = panic.location(), "request failed: handler panicked");
                problem_response(&internal(), id.as_ref(), in_flight, !http1)
            }
        };
        drop(entered);
        set_request_id(&mut response, id);
        if last {
            // The engine closes the connection after this response, so that no other request
            // arrives.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

/// The outcome of a handler.
enum HandlerOutcome<T> {
    Returned(T),
    TimedOut,
    Panicked(Panic),
}

fn internal() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
}

/// Returns the server's own response in place of a handler's.
fn problem_response<B>(
    problem: &Problem,
    id: Option<&HeaderValue>,
    in_flight: InFlightRequest,
    by_chunks: bool,
) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::text(problem.render(id).into(), in_flight, by_chunks));
    *response.status_mut() = problem.status();
    response.headers_mut().clone_from(problem.headers());
    response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON.clone());
    response
}

/// Sets the header with the request's id, unless the service has set it.
fn set_request_id<B>(response: &mut Response<B>, id: Option<HeaderValue>) {
    if let Some(id) = id
        && let Entry::Vacant(entry) = response.headers_mut().entry(&X_REQUEST_ID)
    {
        entry.insert(id);
    }
}

/// Returns how much of the body an engine will read, if that is known.
fn body_length<B: Body>(response: &Response<B>, method: MethodKind) -> Option<u64> {
    let status = response.status();
    let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if method == MethodKind::Head || bodiless {
        return Some(0);
    }
    let announced = || response.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    response.body().size_hint().exact().or_else(announced)
}

/// Returns the protocol to which this response upgrades an HTTP/1 connection.
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
