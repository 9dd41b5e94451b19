//! The server `app`, whose slow responses demonstrate a graceful stop.

use std::time::Duration;

use axum::{
    Router,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};
use humantime::{format_duration, parse_duration};

use super::usage::{options, with_usage};

const USAGE: &str = "this server answers GET /hello, and GET /slow?for=2s after that time";

/// The longest delay of `/slow`. It bounds the time for which a forgotten client occupies a
/// connection.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// Returns a router with `GET /hello` → `Hello world.` and `GET /slow?for=2s` → a response after
/// that time.
pub(crate) fn app() -> Router {
    let options = || options("GET,HEAD,OPTIONS");
    let router = Router::new()
        .route("/", get(USAGE).options(options()))
        .route("/hello", get("Hello world.").options(options()))
        .route("/slow", get(slow).options(options()));
    with_usage(router, USAGE)
}

async fn slow(query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> (StatusCode, String) {
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let written = pairs.iter().find(|(key, _)| key == "for").map_or("2s", |(_, written)| written);
    match parse_duration(written) {
        Ok(delay) if delay <= MAX_DELAY => {
            tokio::time::sleep(delay).await;
            (StatusCode::OK, format!("Hello after {}.", format_duration(delay)))
        }
        _ => (StatusCode::BAD_REQUEST, "`for` is not a duration of at most 60s; try /slow?for=2s".to_owned()),
    }
}
