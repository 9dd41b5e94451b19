use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::RawQuery,
    http::{HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use upbeat::Context;

use super::verdict::Probe;

const LIST: &str = "\
/livez     200 while this process can answer
/readyz    200 when everything is ready; otherwise 503 and why
/startupz  200 once everything has been ready; otherwise 503 and what is missing
           ?verbose adds a line for each player to these three
/ready     the version; 503 and why when not ready
/players   what every player is doing, as JSON
";

pub(super) fn router(version: &Arc<str>, extra: Router) -> Router {
    let version = version.clone();
    Router::new()
        .route("/", get(async || LIST))
        .route("/livez", get(async |cx, query| probe(Probe::Live, &cx, &query)))
        .route("/readyz", get(async |cx, query| probe(Probe::Ready, &cx, &query)))
        .route("/startupz", get(async |cx, query| probe(Probe::Started, &cx, &query)))
        .route("/ready", get(async move |cx| ready(&cx, &version)))
        .route("/players", get(async |Extension::<Context>(cx)| Json(cx.overview().snapshot())))
        .merge(extra)
        .layer(map_response(not_stored))
}

fn probe(probe: Probe, Extension(cx): &Extension<Context>, RawQuery(query): &RawQuery) -> (StatusCode, String) {
    let snapshot = cx.overview().snapshot();
    let (status, verdict) = match probe.objection(&snapshot) {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(objection) => (StatusCode::SERVICE_UNAVAILABLE, objection),
    };
    let mut parameters = query.as_deref().unwrap_or_default().split('&');
    let verbose = parameters.any(|parameter| parameter == "verbose" || parameter.starts_with("verbose="));
    let details = if verbose { probe.details(&snapshot) } else { String::new() };
    (status, details + &verdict)
}

fn ready(Extension(cx): &Extension<Context>, version: &str) -> Response {
    match Probe::Ready.objection(&cx.overview().snapshot()) {
        None => format!("Version: {version}").into_response(),
        Some(objection) => (StatusCode::SERVICE_UNAVAILABLE, objection).into_response(),
    }
}

/// What holds now says nothing of later.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
