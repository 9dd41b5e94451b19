use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::RawQuery,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use upbeat::{Context, diagnostics::PROBE_TIMEOUT};

use super::health::HealthCheck;

const LIST: &str = "\
/livez     200 while this process can respond
/readyz    200 while all players are ready, otherwise 503 and the reason
/startupz  200 once all players have been ready, otherwise 503 and the missing one
           ?verbose adds a line per player to these three
/ready     the version, or 503 and the reason
/players   the state of every player, as JSON
/dump      the same, and the file and line at which every task and request is suspended;
           ?text for plain text
";

pub(super) fn router(version: &Arc<str>, extra: Router) -> Router {
    let version = version.clone();
    Router::new()
        .route("/", get(async || LIST))
        .route("/livez", get(async |cx, query| check(HealthCheck::Live, &cx, &query)))
        .route("/readyz", get(async |cx, query| check(HealthCheck::Ready, &cx, &query)))
        .route("/startupz", get(async |cx, query| check(HealthCheck::Started, &cx, &query)))
        .route("/ready", get(async move |cx| ready(&cx, &version)))
        .route("/players", get(async |Extension::<Context>(cx)| Json(cx.overview().snapshot())))
        .route("/dump", get(dump))
        .merge(extra)
        .layer(map_response(forbid_caching))
}

fn check(check: HealthCheck, Extension(cx): &Extension<Context>, RawQuery(query): &RawQuery) -> (StatusCode, String) {
    let snapshot = cx.overview().snapshot();
    let (status, verdict) = match check.failure(&snapshot) {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
    };
    let details = if has_parameter(query.as_deref(), "verbose") { check.details(&snapshot) } else { String::new() };
    (status, details + &verdict)
}

/// Returns whether a query has this parameter, with or without a value.
fn has_parameter(query: Option<&str>, parameter: &str) -> bool {
    let mut parameters = query.unwrap_or_default().split('&');
    parameters.any(|given| given.split_once('=').map_or(given, |(name, _)| name) == parameter)
}

async fn dump(Extension(cx): Extension<Context>, RawQuery(query): RawQuery) -> Response {
    let dump = cx.overview().dump(PROBE_TIMEOUT).await;
    if has_parameter(query.as_deref(), "text") {
        format!("{dump}\n").into_response()
    } else {
        Json(dump).into_response()
    }
}

fn ready(Extension(cx): &Extension<Context>, version: &str) -> Response {
    match HealthCheck::Ready.failure(&cx.overview().snapshot()) {
        None => format!("Version: {version}").into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason).into_response(),
    }
}

/// Forbids caches to store the response, which describes only the present.
async fn forbid_caching(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
