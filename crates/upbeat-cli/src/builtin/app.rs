//! The server `app`: something to try a graceful stop on.

use std::time::Duration;

use axum::{
    Router,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};
use humantime::{format_duration, parse_duration};

use super::helpful::helpful;

const SERVES: &str = "this server answers GET /hello, and GET /slow?for=2s after that time";

/// The longest `/slow`: a forgotten client does not hold its connection for ever.
const LONGEST: Duration = Duration::from_mins(1);

/// `GET /hello` → `Hello world.`, `GET /slow?for=2s` → an answer after that time.
pub(crate) fn app() -> Router {
    let router = Router::new().route("/", get(SERVES)).route("/hello", get("Hello world.")).route("/slow", get(slow));
    helpful(router, SERVES)
}

async fn slow(query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> (StatusCode, String) {
    let pairs = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let written = pairs.iter().find(|(key, _)| key == "for").map_or("2s", |(_, written)| written);
    match parse_duration(written) {
        Ok(wait) if wait <= LONGEST => {
            tokio::time::sleep(wait).await;
            (StatusCode::OK, format!("Hello after {}.", format_duration(wait)))
        }
        _ => (StatusCode::BAD_REQUEST, "for how long? try /slow?for=2s, at most 60s".to_owned()),
    }
}
