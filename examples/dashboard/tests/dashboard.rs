//! Tests of the dashboard as a process, with simulated back ends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use upbeat_examples::program::{Program, Signal};

/// The timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A timeout in milliseconds that does not expire.
const LONG_TIMEOUT: &str = "60000";

struct Dashboard {
    program: Program,
    url: String,
    client: Client,
}

impl Dashboard {
    fn start(args: &[&str]) -> Self {
        let mut program = Program::start("dashboard", &[&["--diagnostics", "127.0.0.1:0"], args].concat());
        let listening = program.until("{player=shop/web}: listening on http://");
        let url = listening.split_whitespace().last().unwrap().to_owned();
        program.until("all ready");
        Self { program, url, client: Client::builder().timeout(TIMEOUT).build().unwrap() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth("alice-secret")
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(format!("{}/notes", self.url)).bearer_auth("alice-secret");
        request.header("content-type", "application/json").body(body)
    }
}

async fn send(request: RequestBuilder) -> (u16, HeaderMap, Value) {
    parts(request.send().await.unwrap()).await
}

async fn parts(response: Response) -> (u16, HeaderMap, Value) {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    if status >= 400 {
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    (status, headers, response.json().await.unwrap())
}

/// A simulated back end.
struct BackEnd(TcpListener);

impl BackEnd {
    async fn bind() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (Self(listener), url)
    }

    /// Accepts a connection and reads the head of a request.
    async fn request(&self) -> (TcpStream, String) {
        let (mut stream, _) = timeout(TIMEOUT, self.0.accept()).await.expect("a request").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(TIMEOUT, stream.read_u8()).await.expect("a head").unwrap());
        }
        (stream, String::from_utf8(head).unwrap())
    }
}

async fn answer(stream: &mut TcpStream, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_request_queries_all_back_ends_and_merges_their_responses() {
    let dashboard = Dashboard::start(&["--recommendations-timeout", LONG_TIMEOUT]);
    let (status, headers, body) =
        send(dashboard.get("/dashboard?transactions=20").header("x-request-id", "seven")).await;
    assert_eq!((status, &headers["x-request-id"]), (200, &"seven".try_into().unwrap()));
    assert_eq!(body["user"]["name"], "alice");
    assert_eq!(body["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(body["recommendations"], json!({ "items": ["the favorites of alice", "tea"] }));
    let transactions = body["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 20);
    assert!(transactions.is_sorted_by_key(|one| std::cmp::Reverse(one["time"].as_u64())), "{body}");
    for source in ["card", "transfers"] {
        assert!(transactions.iter().any(|one| one["source"] == source), "{body}");
    }
    // All back ends log the id of the request.
    let ended = dashboard.program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines =
        |text: &str| ended.stderr.lines().filter(|line| line.contains("id=seven ") && line.contains(text)).count();
    let texts = ["user alice", "accounts of alice", "recommendations for alice", "transactions of alice"];
    assert_eq!(texts.map(lines), [1, 1, 1, 2], "{}", ended.stderr);
    let printed = ended.stdout;
    assert!(printed.contains("curl -i -H 'Authorization: Bearer alice-secret' http://"), "{printed}");
}

#[tokio::test]
async fn slow_recommendations_are_replaced_by_default_ones() {
    let mut dashboard = Dashboard::start(&[]);
    let mut recommendations = Vec::new();
    for _ in 0..3 {
        let (status, _, mut body) = send(dashboard.get("/dashboard")).await;
        assert_eq!(status, 200);
        recommendations.push(body["recommendations"].take());
    }
    // Every third response is too slow. On a busy machine others may be, too.
    assert_eq!(recommendations[2], json!({ "items": ["tea", "bread"], "degraded": "timed out" }));
    dashboard.program.until("client disconnected before its recommendations for alice");

    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--recommendations", &url]);
    let (response, _stream) = tokio::join!(send(dashboard.get("/dashboard")), back_end.request());
    assert_eq!((response.0, &response.2["recommendations"]["degraded"]), (200, &json!("timed out")));
    assert_eq!(response.2["accounts"].as_array().unwrap().len(), 2, "the other back ends are not affected");
}

#[tokio::test]
async fn an_unauthenticated_request_is_rejected_with_a_challenge() {
    let dashboard = Dashboard::start(&[]);
    let url = format!("{}/dashboard", dashboard.url);
    let without = dashboard.client.get(&url);
    let wrong = dashboard.client.get(&url).bearer_auth("guessed");
    let other = dashboard.client.get(&url).basic_auth("alice", Some("alice-secret"));
    for request in [without, wrong, other] {
        let (status, headers, body) = send(request).await;
        assert_eq!((status, &body["code"]), (401, &json!("no_valid_token")));
        assert_eq!(headers["www-authenticate"], r#"Bearer realm="dashboard""#);
        assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap());
    }
    assert_eq!(send(dashboard.get("/nowhere")).await.2["code"], "not_found");
    assert_eq!(send(dashboard.get("/notes")).await.2["code"], "method_not_allowed");
    let page = dashboard.client.get(&dashboard.url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<title>Dashboard</title>"), "{page}");
}

#[tokio::test]
async fn an_invalid_body_or_query_is_rejected_with_a_reason() {
    let dashboard = Dashboard::start(&["--rate", "100"]);
    let (status, _, body) = send(dashboard.post(r#"{"text":"hello"}"#)).await;
    assert_eq!((status, body), (201, json!({ "user": "alice", "characters": 5 })));
    // The largest body that is allowed.
    let filled = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length - r#"{"text":""}"#.len()));
    assert_eq!(send(dashboard.post(filled(10 * 1024))).await.0, 201);
    let (status, _, body) = send(dashboard.post(filled(10 * 1024 + 1))).await;
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));

    let (status, _, body) = send(dashboard.post(r#"{"text":"#)).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_body")));
    let (status, _, body) = send(dashboard.post(r#"{"text":" "}"#)).await;
    assert_eq!((status, &body["errors"][0]["pointer"]), (422, &json!("#/text")));
    let (status, _, body) = send(dashboard.get("/dashboard?transactions=many")).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_query")));
    let (status, _, body) = send(dashboard.get("/dashboard?transactions=101")).await;
    assert_eq!((status, &body["code"]), (400, &json!("too_many_transactions")));
    assert_eq!(send(dashboard.get("/dashboard?transactions=0")).await.2["transactions"], json!([]));
}

#[tokio::test]
async fn a_failed_back_end_is_named_and_does_not_affect_others() {
    let (closed, url) = BackEnd::bind().await;
    drop(closed);
    let mut dashboard = Dashboard::start(&["--accounts", &url]);
    let (status, headers, body) = send(dashboard.get("/dashboard").header("x-request-id", "seven")).await;
    assert_eq!((status, &body["code"], &body["back_end"]), (502, &json!("back_end_failed"), &json!("accounts")));
    assert!(headers.contains_key("retry-after") && body["request_id"] == "seven");
    let text = body.to_string();
    assert!(!text.contains("127.0.0.1") && !text.contains("onnect"), "the response has details: {text}");
    assert_eq!(send(dashboard.post(r#"{"text":"hello"}"#)).await.0, 201);
    // The log has the reason with the id of the request.
    let line = dashboard.program.until("502 back_end_failed");
    assert!(line.contains("ERROR") && line.contains("id=seven") && line.contains("refused"), "{line}");

    // The recommendations are optional.
    let dashboard = Dashboard::start(&["--recommendations", &url]);
    let (status, _, body) = send(dashboard.get("/dashboard")).await;
    assert_eq!((status, &body["recommendations"]["degraded"]), (200, &json!("unavailable")));
}

/// A transaction that is later than all others, so that the next line is needed, and half a line.
const LATEST: &str = "{\"time\":1900000000,\"source\":\"card\",\"cents\":7}\n{\"time\":";

#[tokio::test]
async fn an_incomplete_or_invalid_stream_fails_the_request() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--card", &url]);
    for invalid in [LATEST, "<html>", &"x".repeat(20_000)] {
        let (response, ()) = tokio::join!(send(dashboard.get("/dashboard")), async {
            let (mut stream, head) = back_end.request().await;
            assert!(head.starts_with("GET /transactions?user=alice HTTP/1.1\r\n"), "{head}");
            answer(&mut stream, invalid).await;
        });
        assert_eq!((response.0, &response.2["back_end"]), (502, &json!("card")), "{invalid:.20}");
    }
}

#[tokio::test]
async fn a_disconnect_cancels_the_requests_to_the_back_ends() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--accounts", &url]);
    let request = dashboard.get("/dashboard").header("x-request-id", "seven").send();
    let (mut stream, head) = tokio::select! {
        request = back_end.request() => request,
        _ = request => panic!("no back end has answered"),
    };
    // The future is dropped with its connection, during the request.
    assert!(head.to_ascii_lowercase().contains("x-request-id: seven\r\n"), "{head}");
    let end = timeout(TIMEOUT, stream.read(&mut [0; 1])).await.expect("the connection is closed");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn requests_above_the_limits_are_rejected_with_a_delay() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--accounts", &url, "--max-requests", "1"]);
    let (first, ()) = tokio::join!(send(dashboard.get("/dashboard")), async {
        let (mut stream, _) = back_end.request().await;
        let (status, headers, body) = send(dashboard.post(r#"{"text":"hello"}"#)).await;
        assert_eq!((status, &body["code"]), (503, &json!("busy")));
        assert_eq!(headers["retry-after"], "1");
        answer(&mut stream, "[]").await;
    });
    assert_eq!(first.0, 200);
    assert_eq!(send(dashboard.post(r#"{"text":"hello"}"#)).await.0, 201);

    let dashboard = Dashboard::start(&["--rate", "3"]);
    let mut rejected = None;
    // No machine is so slow that this many requests stay within three per second.
    for _ in 0..1000 {
        let (status, headers, body) = send(dashboard.post(r#"{"text":"hello"}"#)).await;
        if status == 429 {
            rejected = Some((headers, body));
            break;
        }
    }
    let (headers, body) = rejected.expect("a rejected request");
    assert_eq!((&headers["retry-after"], &body["code"]), (&"1".try_into().unwrap(), &json!("rate_limited")));
    let bob = dashboard.client.get(format!("{}/dashboard", dashboard.url)).bearer_auth("bob-secret");
    assert_eq!(bob.send().await.unwrap().status(), StatusCode::OK, "each token has its own limit");
}

#[tokio::test]
async fn a_stop_answers_requests_in_flight_and_stops_the_back_ends_last() {
    let (back_end, url) = BackEnd::bind().await;
    let mut dashboard = Dashboard::start(&["--accounts", &url]);
    let (response, ()) = tokio::join!(send(dashboard.get("/dashboard")), async {
        let (mut stream, _) = back_end.request().await;
        dashboard.program.signal(Signal::TERM);
        dashboard.program.until("cause=SIGTERM");
        answer(&mut stream, "[]").await;
    });
    let (status, headers, body) = response;
    assert_eq!((status, &body["accounts"]), (200, &json!([])));
    assert_eq!(headers["connection"], "close");
    let ended = dashboard.program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let at =
        |player: &str| ended.stderr.find(&format!("shop/{player}}}: drained")).unwrap_or_else(|| panic!("{player}"));
    assert!(["user", "recommendations", "card", "transfers"].iter().all(|back_end| at("web") < at(back_end)));
}

#[test]
fn the_help_lists_the_options_and_an_invalid_one_is_an_error() {
    let help = Program::start("dashboard", &["--help"]).end();
    for word in ["--rate", "--max-requests", "External back ends", "ADDRESS", "127.0.0.1:8080"] {
        assert!(help.stdout.contains(word), "{}", help.stdout);
    }
    assert_eq!(help.code, Some(0));
    let invalid = Program::start("dashboard", &["--accounts", "nowhere"]).end();
    assert_eq!(invalid.code, Some(2));
    assert!(invalid.stderr.contains("invalid value 'nowhere' for '--accounts <URL>'"), "{}", invalid.stderr);
}
