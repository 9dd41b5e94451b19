//! Answers to requests that a built-in server does not serve.

use axum::{
    Router,
    http::{StatusCode, header::ALLOW},
    middleware,
    response::{IntoResponse as _, Response},
};

/// Says in one line what this server does serve, wherever it answers 404 or 405. The header `Allow` is kept.
pub(super) fn helpful(router: Router, serves: &'static str) -> Router {
    router.layer(middleware::map_response(move |response: Response| async move { explain(response, serves) }))
}

fn explain(response: Response, serves: &str) -> Response {
    let status = response.status();
    if !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
        return response;
    }
    let mut explained = (status, format!("{status}: {serves}")).into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        explained.headers_mut().insert(ALLOW, allow.clone());
    }
    explained
}
