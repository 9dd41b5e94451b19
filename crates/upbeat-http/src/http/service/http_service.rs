use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower::Service;
use upbeat::BoxError;

/// A service that an [`HttpServer`](crate::HttpServer) can play.
///
/// It is implemented for every [`tower::Service`] of `Request<hyper::body::Incoming>` that meets
/// the bounds below, such as `axum::Router`. No other implementations are possible.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that an `HttpServer` can play",
    note = "it must be `Clone + Send + 'static` and a `tower::Service<Request<hyper::body::Incoming>>` \
            that returns a response, with a `Send` future"
)]
pub trait HttpService:
    Service<Request<Incoming>, Response = Response<Self::ResponseBody>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
    /// The body of the service's responses.
    type ResponseBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = B;
}
