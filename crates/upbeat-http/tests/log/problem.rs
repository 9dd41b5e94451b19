//! Problems as responses: over real sockets, through layers, and without a server.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{io, time::Duration};

use axum::{
    Extension, Json, Router,
    body::{Body, Bytes},
    extract::{
        DefaultBodyLimit, Path, Query,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderValue, Request, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use upbeat::{BoxError, Context, task::Group};
use upbeat_http::{HttpServer, Problem};

use crate::{
    captured::CapturedLog,
    common::{raw::Raw, serve},
};

#[derive(serde::Deserialize)]
struct Payment {
    amount: i64,
}

async fn pay(payment: Result<Json<Payment>, JsonRejection>) -> Result<StatusCode, Problem> {
    let Json(payment) = payment?;
    if payment.amount <= 0 {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_payment")
            .detail("the payment cannot be made")
            .field("#/amount", "must be positive")
            .with("amount", payment.amount)
            .with("status", "a reserved name"));
    }
    Ok(StatusCode::CREATED)
}

async fn secret() -> Result<(), Problem> {
    Err(Problem::internal(io::Error::other("password=hunter2")))
}

async fn group(Extension(cx): Extension<Context>) -> Result<(), Problem> {
    let group = Group::<()>::new(&cx);
    group.spawn("accounts", async |_| Err(Problem::new(StatusCode::BAD_GATEWAY, "accounts").with_source("refused")));
    group.spawn("others", async |cx: Context| Err(cx.done().await));
    group.wait().await?;
    Ok(())
}

async fn busy() -> Result<(), Problem> {
    let retry_after = Duration::from_millis(1200);
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "slower").retry_after(retry_after).kind("https://e.x/slower"))
}

async fn login() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "no_token")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn router() -> Router {
    Router::new()
        .route("/pay", post(pay))
        .route("/secret", get(secret))
        .route("/group", get(group))
        .route("/busy", get(busy))
        .route("/login", get(login))
        .route("/panics", get(async || -> &'static str { panic!("password=hunter2") }))
        .route("/slow", get(async || std::future::pending::<()>().await))
        .layer(DefaultBodyLimit::max(100))
}

/// Returns the status, head and body of a response.
fn parts(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

async fn ask(client: &mut Raw, request: &str, body: &str) -> (u16, String, Value) {
    let length = body.len();
    client
        .send(format!(
            "{request} HTTP/1.1\r\nhost: test\r\nx-request-id: seven\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
        .await;
    parts(&client.answer().await)
}

#[tokio::test]
async fn a_problem_has_status_code_text_and_request_id() {
    let (log, _guard) = CapturedLog::start();
    let server = HttpServer::bind("127.0.0.1:0", router()).request_timeout(Duration::from_millis(300));
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;

    let (status, head, body) = ask(&mut client, "POST /pay", r#"{"amount":-7}"#).await;
    assert_eq!(status, 422);
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    assert_eq!(
        body,
        json!({
            "title": "Unprocessable Entity", "status": 422, "code": "invalid_payment",
            "detail": "the payment cannot be made", "amount": -7, "request_id": "seven",
            "errors": [{ "pointer": "#/amount", "detail": "must be positive" }],
        })
    );
    assert_eq!(ask(&mut client, "POST /pay", r#"{"amount":7}"#).await.0, 201);

    // A rejection of axum's extractors has their status and text.
    let (status, _, body) = ask(&mut client, "POST /pay", r#"{"amount":"#).await;
    assert_eq!((status, &body["code"], &body["request_id"]), (400, &json!("invalid_body"), &json!("seven")));
    assert!(body["detail"].as_str().unwrap().contains("EOF while parsing"), "{body}");
    let (status, _, body) = ask(&mut client, "POST /pay", r#"{"amount":"x"}"#).await;
    assert_eq!((status, &body["code"]), (422, &json!("invalid_body")));

    let (status, head, body) = ask(&mut client, "GET /busy", "").await;
    assert_eq!((status, &body["code"], &body["type"]), (429, &json!("slower"), &json!("https://e.x/slower")));
    assert!(head.contains("retry-after: 2"), "{head}");
    let (status, head, _) = ask(&mut client, "GET /login", "").await;
    assert!(status == 401 && head.contains("www-authenticate: bearer"), "{head}");
    assert_eq!(log.lines("ERROR"), [""; 0], "none of these is an error of the service");

    // The server's own responses.
    let (status, _, body) = ask(&mut client, "GET /panics", "").await;
    let internal =
        json!({ "title": "Internal Server Error", "status": 500, "code": "internal", "request_id": "seven" });
    assert_eq!((status, body), (500, internal));
    let (status, head, body) = ask(&mut client, "GET /slow", "").await;
    assert_eq!((status, &body["code"], &body["request_id"]), (503, &json!("timed_out"), &json!("seven")));
    assert!(head.contains("retry-after: 1") && head.contains("application/problem+json"), "{head}");

    let (status, head, body) = ask(&mut client, "POST /pay", &"x".repeat(101)).await;
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")), "{head}");
    playing.stopped().await;
}

#[tokio::test]
async fn the_source_is_logged_once_with_the_id_and_never_sent() {
    let (log, _guard) = CapturedLog::start();
    let server = HttpServer::bind("127.0.0.1:0", router());
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    let internal =
        json!({ "title": "Internal Server Error", "status": 500, "code": "internal", "request_id": "seven" });
    assert_eq!(ask(&mut client, "GET /secret", "").await.2, internal);
    let logged = log.lines("hunter2");
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains("ERROR") && logged[0].contains("id=seven"), "{logged:?}");

    // The problem of a task is returned by its group.
    let (status, _, body) = ask(&mut client, "GET /group", "").await;
    assert_eq!((status, &body["code"]), (502, &json!("accounts")));
    let logged = log.lines("502 accounts");
    assert!(logged.len() == 1 && logged[0].contains("refused") && logged[0].contains("id=seven"), "{logged:?}");
    playing.stopped().await;
}

#[tokio::test]
async fn without_a_server_a_problem_is_a_response_without_the_id() {
    let (_log, _guard) = CapturedLog::start();
    let request = Request::get("/busy").body(Body::empty()).unwrap();
    let response = router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 429);
    let body = axum::body::to_bytes(response.into_body(), 9999).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["code"], body.get("request_id")), (&json!("slower"), None));
}

#[tokio::test]
async fn a_body_changed_by_a_layer_is_kept_and_head_has_no_body() {
    let (_log, _guard) = CapturedLog::start();
    let zip = async |problem: Problem| {
        let mut response = problem.into_response();
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("zip"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.map(|_| Body::from(Bytes::from_static(b"zipped")))
    };
    let router = router().route("/zipped", get(move || zip(Problem::new(StatusCode::BAD_REQUEST, "no"))));
    let server = HttpServer::bind("127.0.0.1:0", router);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    assert!(client.get("/zipped").await.ends_with("\r\n\r\nzipped"));
    client.send("HEAD /busy HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(
        head.starts_with("HTTP/1.1 429 ") && !head.contains("content-length"),
        "the length of another body: {head}"
    );
    // The connection is at a boundary between responses.
    assert!(client.get("/busy").await.starts_with("HTTP/1.1 429 "));
    playing.stopped().await;
}

#[test]
fn a_wrapped_problem_is_found_and_any_other_error_is_internal() {
    let gone = || Problem::new(StatusCode::GONE, "gone");
    assert_eq!(Problem::from(BoxError::from(gone())).code(), "gone");
    let unknown = Problem::from(BoxError::from("no luck"));
    assert_eq!((unknown.status(), unknown.to_string()), (StatusCode::INTERNAL_SERVER_ERROR, "500 internal".into()));
    assert_eq!(std::error::Error::source(&unknown).unwrap().to_string(), "no luck");
    #[cfg(feature = "anyhow")]
    {
        use anyhow::Context as _;
        let wrapped = Err::<(), _>(gone()).context("while looking");
        assert_eq!(Problem::from(wrapped.unwrap_err()).code(), "gone");
        assert_eq!(Problem::from(anyhow::anyhow!("no luck")).code(), "internal");
    }
}

#[tokio::test]
async fn malformed_paths_and_queries_are_client_errors() {
    let (_log, _guard) = CapturedLog::start();
    let path = async |path: Result<Path<u8>, PathRejection>| Ok::<_, Problem>(path?.to_string());
    let query = async |query: Result<Query<Payment>, QueryRejection>| Ok::<_, Problem>(query?.amount.to_string());
    let router = Router::new().route("/path/{number}", get(path)).route("/query", get(query));
    for (uri, code) in [("/path/x", "invalid_path"), ("/query?amount=x", "invalid_query")] {
        let response = router.clone().oneshot(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 400);
        let body = axum::body::to_bytes(response.into_body(), 9999).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], code);
    }
}

#[tokio::test]
async fn a_head_that_is_refused_is_logged_like_other_problems() {
    let (log, _guard) = CapturedLog::start_at(tracing::Level::DEBUG);
    let server = HttpServer::bind("127.0.0.1:0", router());
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /pay HTTP/1.1\r\nx-request-id: seven\r\n\r\n").await;
    let (status, _, body) = parts(&client.answer().await);
    assert_eq!((status, &body["code"], &body["request_id"]), (400, &json!("invalid_host"), &json!("seven")));
    playing.stopped().await;
    let lines = log.lines("invalid_host");
    assert!(lines.len() == 1 && lines[0].contains("DEBUG request{id=seven method=GET path=\"/pay\"}"), "{lines:?}");
}
