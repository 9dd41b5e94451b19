//! Responses to requests that a built-in server does not serve.

use axum::{
    Router,
    http::{StatusCode, header::ALLOW},
    middleware,
    response::{IntoResponse as _, Response},
};

/// Puts `usage`, one line, into the body of each response with status 404 or 405.
/// The header `Allow` is kept.
pub(super) fn with_usage(router: Router, usage: &'static str) -> Router {
    router.layer(middleware::map_response(move |response: Response| async move { explain(response, usage) }))
}

fn explain(response: Response, usage: &str) -> Response {
    let status = response.status();
    if !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return response;
    }
    let mut explained = (status, format!("{status}: {usage}")).into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        explained.headers_mut().insert(ALLOW, allow.clone());
    }
    explained
}
