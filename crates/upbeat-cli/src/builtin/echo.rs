//! The server `echo`.

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::Response,
    routing::post,
};

use super::helpful::helpful;

/// Sends back the body of a `POST`, `PUT` or `PATCH` to any path, with its content type.
///
/// The body is passed on piece by piece: memory does not depend on its size, and a client that does not read
/// is not read from either.
pub(crate) fn echo() -> Router {
    let router = Router::new().fallback_service(post(back).put(back).patch(back));
    helpful(router, "send a body to get it back, such as with curl --data 'as it is'")
}

async fn back(request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let mut response = Response::new(request.into_body());
    // What nobody named is a sequence of bytes.
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
