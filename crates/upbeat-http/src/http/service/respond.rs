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
    attachment::run_as,
    panic::{CatchPanic, Panic},
};

use super::{
    body::ResponseBody,
    head::Refusal,
    settle::{Settling, Upload},
};
use crate::{
    http::{
        connection::{Conn, InFlightRequest},
        request::{RequestTimeout, X_REQUEST_ID},
    },
    problem::{PROBLEM_JSON, Problem, refine},
    targets,
};

pin_project! {
    /// The future of a response. An error, a panic and a timeout of the user's service are
    /// responses too.
    pub(crate) struct Respond<S, B>
    where
        S: Service<Request<Incoming>>,
        B: Body,
    {
        // `None` if the request is refused.
        #[pin]
        future: Option<CatchPanic<Oneshot<S, Request<Incoming>>>>,
        refusal: Option<Refusal>,
        // `None` once the response was returned.
        in_flight: Option<InFlightRequest>,
        version: Version,
        method: MethodKind,
        upload: Upload,
        // The response, while its head waits for the engine.
        settling: Option<Box<Settling<B>>>,
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

impl<S, B> Respond<S, B>
where
    S: Service<Request<Incoming>>,
    B: Body,
{
    pub(super) fn new(
        future: Oneshot<S, Request<Incoming>>,
        in_flight: InFlightRequest,
        version: Version,
        method: MethodKind,
        upload: Upload,
        span: Option<Span>,
        timeout: Option<RequestTimeout>,
    ) -> Self {
        let future = Some(CatchPanic::new(future));
        let in_flight = Some(in_flight);
        Self { future, refusal: None, in_flight, version, method, upload, settling: None, span, timeout }
    }

    /// Responds in place of the service, which is not called.
    pub(super) fn refused(
        refusal: Refusal,
        in_flight: InFlightRequest,
        version: Version,
        method: MethodKind,
        upload: Upload,
        span: Option<Span>,
    ) -> Self {
        let (refusal, in_flight) = (Some(refusal), Some(in_flight));
        Self { future: None, refusal, in_flight, version, method, upload, settling: None, span, timeout: None }
    }
}

impl<S, B> Future for Respond<S, B>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(in_flight) = &*this.in_flight else {
            // An engine does not poll a completed future.
            return Poll::Pending;
        };
        let entered = this.span.as_ref().map(Span::enter);
        let conn = in_flight.conn();
        let polled = if let Some(settling) = this.settling.as_mut() {
            poll_settling(settling, conn, cx)
        } else if let Some(future) = this.future.as_pin_mut() {
            let watchpoint = &in_flight.context().watchpoint;
            match run_as(&conn.server().context, || watchpoint.poll(future, cx)) {
                Poll::Ready(Ok(Ok(response))) => match settle(response, *this.upload, *this.method, conn) {
                    Ok(settling) => poll_settling(this.settling.insert(settling), conn, cx),
                    Err(response) => Poll::Ready(HandlerOutcome::Returned(response)),
                },
                Poll::Ready(Ok(Err(error))) => Poll::Ready(HandlerOutcome::Failed(error.into())),
                Poll::Ready(Err(panic)) => Poll::Ready(HandlerOutcome::Panicked(panic)),
                Poll::Pending => Poll::Pending,
            }
        } else {
            Poll::Ready(HandlerOutcome::Refused)
        };
        let outcome = match polled {
            Poll::Ready(outcome) => outcome,
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
        let mut last = http1 && in_flight.conn().server().is_draining();
        // The body of the request is dropped with the handler, and the rest of it is not read.
        let unread = http1 && *this.upload != Upload::Done;
        let mut response = match outcome {
            HandlerOutcome::Returned(mut response) => {
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
            HandlerOutcome::Settled => {
                let Some(settled) = this.settling.take() else { return Poll::Pending };
                let Settling { head, body, first, left, .. } = *settled;
                let mut response = Response::from_parts(head, ());
                match refine(&mut response, id.as_ref()) {
                    Some(text) if *this.method != MethodKind::Head => {
                        response.map(|()| ResponseBody::text(text.into(), in_flight, !http1))
                    }
                    _ => response.map(|()| ResponseBody::begun(first, body, in_flight, !http1, left)),
                }
            }
            HandlerOutcome::Refused => {
                let problem = this.refusal.take().map_or_else(internal, Refusal::problem);
                problem.log();
                // The head of a request that is not valid may have been meant for another server.
                last = http1;
                problem_response(&problem, id.as_ref(), in_flight, !http1)
            }
            HandlerOutcome::Failed(error) => {
                let (method, path) = in_flight.name();
                tracing::error!(target: targets::REQUEST, %method, %path, error = &*error, "request failed: service returned an error");
                last |= unread;
                problem_response(&internal(), id.as_ref(), in_flight, !http1)
            }
            HandlerOutcome::TimedOut => {
                let (method, path) = in_flight.name();
                tracing::warn!(target: targets::REQUEST, %method, %path, "request timed out");
                last |= unread;
                problem_response(&ContextError::DeadlineExceeded.into(), id.as_ref(), in_flight, !http1)
            }
            HandlerOutcome::Panicked(panic) => {
                let (method, path) = in_flight.name();
                tracing::error!(target: targets::REQUEST, %method, %path, panic = panic.message(), location = panic.location(), "request failed: handler panicked");
                last |= unread;
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

/// Keeps a response whose head has to wait, or returns it.
fn settle<B>(
    response: Response<B>,
    upload: Upload,
    method: MethodKind,
    conn: &Conn,
) -> Result<Box<Settling<B>>, Response<B>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    if upload == Upload::Done {
        return Err(response);
    }
    let left = body_length(&response, method);
    Settling::begin(response, upload, conn, left).map(Box::new)
}

fn poll_settling<B>(settling: &mut Settling<B>, conn: &Conn, cx: &mut Context<'_>) -> Poll<HandlerOutcome<B>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    settling.poll(conn, cx).map(|settled| match settled {
        Ok(()) => HandlerOutcome::Settled,
        Err(panic) => HandlerOutcome::Panicked(panic),
    })
}

/// The outcome of a handler.
enum HandlerOutcome<B> {
    Returned(Response<B>),
    /// It has returned, and the head of its response need not wait any longer.
    Settled,
    Refused,
    Failed(BoxError),
    TimedOut,
    Panicked(Panic),
}

fn internal() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
}

/// Returns the server's own response in place of a handler's.
fn problem_response<B: Body>(
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
