use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower::Service;
use upbeat::BoxError;

/// The services that can be served, under one name for the bounds of the engine's parts.
pub(super) trait App:
    Service<Request<Incoming>, Response = Response<Self::ResponseBody>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
    type ResponseBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> App for S
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type ResponseBody = B;
}
