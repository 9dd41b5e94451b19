//! The user's service as an engine calls it.

mod body;
mod head;
mod http_service;
mod respond;
mod settle;

use std::sync::Arc;

use http::{Method, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower::{Service, ServiceExt};
use tracing::Span;
use upbeat::BoxError;

pub use http_service::HttpService;

use self::{
    body::ResponseBody,
    respond::{MethodKind, Respond},
    settle::Upload,
};
use super::{
    connection::{Conn, InFlightRequest},
    request::{RequestTimeout, span},
};

/// The user's service as an engine calls it for one connection.
pub(crate) struct ConnectionService<S> {
    service: S,
    conn: Arc<Conn>,
}

impl<S> ConnectionService<S> {
    pub(crate) fn new(service: S, conn: Arc<Conn>) -> Self {
        Self { service, conn }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for ConnectionService<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = std::convert::Infallible;
    type Future = Respond<S, B>;

    fn call(&self, mut request: Request<Incoming>) -> Respond<S, B> {
        let checked = head::check(&mut request, self.conn.server().config.secured);
        let in_flight = InFlightRequest::begin(&self.conn, &request);
        let version = request.version();
        let method = match *request.method() {
            Method::CONNECT => MethodKind::Connect,
            Method::HEAD => MethodKind::Head,
            _ => MethodKind::Other,
        };
        let upload = Upload::of(&request);
        self.conn.expect(upload == Upload::AwaitsContinue);
        let span = span(&in_flight.context().id, &request);
        if let Err(refusal) = checked {
            return Respond::refused(refusal, in_flight, version, method, upload, span);
        }
        let server = self.conn.server();
        let extensions = request.extensions_mut();
        if extensions.is_empty() {
            // With capacity for a few more, as those that a router adds would make it grow.
            extensions.clone_from(&server.extensions);
        }
        extensions.insert(in_flight.context().context());
        let timeout = server.config.request_timeout.map(|_| RequestTimeout::default());
        // A clone for each request, as a service's readiness is for one call.
        let future = {
            let _entered = span.as_ref().map(Span::enter);
            self.service.clone().oneshot(request)
        };
        Respond::new(future, in_flight, version, method, upload, span, timeout)
    }
}
