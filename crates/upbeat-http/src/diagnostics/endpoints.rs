use std::{sync::Arc, time::Duration};

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
/dump      the same, and where every task and every request waits, with file and line;
           ?text as a text for people
";

/// How long everybody has to answer where they wait.
const PATIENCE: Duration = Duration::from_millis(250);

pub(super) fn router(version: &Arc<str>, extra: Router) -> Router {
    let version = version.clone();
    Router::new()
        .route("/", get(async || LIST))
        .route("/livez", get(async |cx, query| probe(Probe::Live, &cx, &query)))
        .route("/readyz", get(async |cx, query| probe(Probe::Ready, &cx, &query)))
        .route("/startupz", get(async |cx, query| probe(Probe::Started, &cx, &query)))
        .route("/ready", get(async move |cx| ready(&cx, &version)))
        .route("/players", get(async |Extension::<Context>(cx)| Json(cx.overview().snapshot())))
        .route("/dump", get(dump))
        .merge(extra)
        .layer(map_response(not_stored))
}

fn probe(probe: Probe, Extension(cx): &Extension<Context>, RawQuery(query): &RawQuery) -> (StatusCode, String) {
    let snapshot = cx.overview().snapshot();
    let (status, verdict) = match probe.objection(&snapshot) {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(objection) => (StatusCode::SERVICE_UNAVAILABLE, objection),
    };
    let details = if asks_for(query.as_deref(), "verbose") { probe.details(&snapshot) } else { String::new() };
    (status, details + &verdict)
}

/// Whether a query has this parameter, with or without a value.
fn asks_for(query: Option<&str>, parameter: &str) -> bool {
    let mut parameters = query.unwrap_or_default().split('&');
    parameters.any(|given| given.split_once('=').map_or(given, |(name, _)| name) == parameter)
}

async fn dump(Extension(cx): Extension<Context>, RawQuery(query): RawQuery) -> Response {
    let dump = cx.overview().dump(PATIENCE).await;
    if asks_for(query.as_deref(), "text") { format!("{dump}\n").into_response() } else { Json(dump).into_response() }
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
