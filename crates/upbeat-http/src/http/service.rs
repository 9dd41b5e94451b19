use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt, util::Oneshot};
use upbeat::BoxError;

use super::{
    answer::Answer,
    conn::{Conn, Ticket},
};
use crate::text::panic_message;

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
        let connect = request.method() == Method::CONNECT;
        request.extensions_mut().insert(self.conn.shared().context.clone());
        // A clone for each request, as a service's readiness is for one call.
        Respond { future: self.service.clone().oneshot(request), ticket: Some(ticket), version, connect }
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
        connect: bool,
    }
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
        let outcome = match catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))) {
            Ok(polled) => Ok(ready!(polled)),
            Err(panic) => Err(panic),
        };
        let Some(ticket) = this.ticket.take() else {
            // An engine does not poll a future again that is done.
            return Poll::Pending;
        };
        let http1 = *this.version < Version::HTTP_2;
        let last = http1 && ticket.conn().shared().is_draining();
        let mut response = match outcome {
            Ok(Ok(response)) => {
                if http1 && let Some(protocol) = upgraded(&response, *this.connect) {
                    ticket.upgrade(&protocol);
                    return Poll::Ready(Ok(response.map(Answer::untracked)));
                }
                response.map(|body| Answer::new(body, ticket, !http1))
            }
            Ok(Err(error)) => {
                let error: BoxError = error.into();
                let (method, path) = ticket.name();
                tracing::error!(%method, %path, error = &*error, "a request failed: its service returned an error");
                internal_server_error(ticket, !http1)
            }
            Err(panic) => {
                let panic = panic_message(&*panic);
                let (method, path) = ticket.name();
                tracing::error!(%method, %path, panic, "a request failed: its handler panicked");
                internal_server_error(ticket, !http1)
            }
        };
        if last {
            // No other request shall come here; the engine closes the connection after the answer.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(response))
    }
}

fn internal_server_error<B>(ticket: Ticket, by_chunks: bool) -> Response<Answer<B>> {
    let mut response = Response::new(Answer::text("internal server error\n", ticket, by_chunks));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
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
