//! The server `echo`.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::Response,
    routing::post,
};

use super::usage::{options, with_usage};

/// Returns a router that responds to a `POST`, `PUT` or `PATCH` of any path with the body of the
/// request and its content type.
///
/// The body is streamed, so memory does not grow with its size. A client that stops reading is no
/// longer read from.
pub(crate) fn echo() -> Router {
    let router =
        Router::new().fallback_service(post(back).put(back).patch(back).options(options("POST,PUT,PATCH,OPTIONS")));
    with_usage(router, "send a body to get it back, such as with curl --data 'as it is'")
}

async fn back(request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let mut response = Response::new(request.into_body());
    // RFC 9110 lets a receiver treat a body without a content type as a sequence of bytes.
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
