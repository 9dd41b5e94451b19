//! The servers `hello` and `hello-name`.

use axum::{
    Router,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
    routing::get,
};

use super::usage::{options, with_usage};

/// Returns a router with `GET /` → `Hello, world!`.
pub(crate) fn hello() -> Router {
    with_usage(
        Router::new().route("/", get("Hello, world!").options(options("GET,HEAD,OPTIONS"))),
        "this server answers GET / only",
    )
}

/// Returns a router with `GET /?name=Alex` → `Hello, Alex!`.
pub(crate) fn hello_name() -> Router {
    with_usage(
        Router::new().route("/", get(by_name).options(options("GET,HEAD,OPTIONS"))),
        "this server answers GET /?name=Alex only",
    )
}

type Pairs = Vec<(String, String)>;

async fn by_name(query: Result<Query<Pairs>, QueryRejection>) -> (StatusCode, String) {
    let Ok(Query(pairs)) = query else {
        return (StatusCode::BAD_REQUEST, "invalid query; try /?name=Alex".to_owned());
    };
    let name = pairs.iter().find(|(key, _)| key == "name").map(|(_, name)| name.trim()).filter(|name| !name.is_empty());
    match name {
        Some(name) => (StatusCode::OK, format!("Hello, {name}!")),
        None => (StatusCode::BAD_REQUEST, "no `name` in the query; try /?name=Alex".to_owned()),
    }
}
