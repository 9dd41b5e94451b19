//! The dashboard as its users run it: a real process, real signals, real sockets; and back ends that behave badly on purpose.
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

/// Longer than anything may take that is expected to happen.
const SOON: Duration = Duration::from_secs(20);

/// As many milliseconds: nothing is late.
const PATIENT: &str = "60000";

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
        Self { program, url, client: Client::builder().timeout(SOON).build().unwrap() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth("alice-secret")
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.post(format!("{}/notes", self.url)).bearer_auth("alice-secret");
        request.header("content-type", "application/json").body(body)
    }
}

async fn ask(request: RequestBuilder) -> (u16, HeaderMap, Value) {
    parts(request.send().await.unwrap()).await
}

async fn parts(response: Response) -> (u16, HeaderMap, Value) {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    if status >= 400 {
        assert_eq!(headers["content-type"], "application/problem+json");
    }
    (status, headers, response.json().await.unwrap())
}

/// A back end in the hands of the test: it takes one request and reads its head.
struct BackEnd(TcpListener);

impl BackEnd {
    async fn bind() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (Self(listener), url)
    }

    async fn asked(&self) -> (TcpStream, String) {
        let (mut stream, _) = timeout(SOON, self.0.accept()).await.expect("it is asked").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(SOON, stream.read_u8()).await.expect("a head").unwrap());
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
async fn one_request_asks_all_back_ends_and_merges_what_they_say() {
    let dashboard = Dashboard::start(&["--patience", PATIENT]);
    let (status, headers, body) =
        ask(dashboard.get("/dashboard?transactions=20").header("x-request-id", "seven")).await;
    assert_eq!((status, &headers["x-request-id"]), (200, &"seven".try_into().unwrap()));
    assert_eq!(body["user"]["name"], "alice");
    assert_eq!(body["accounts"].as_array().unwrap().len(), 2);
    assert_eq!(body["recommendations"], json!({ "items": ["what alice liked last time", "tea"] }));
    let transactions = body["transactions"].as_array().unwrap();
    assert_eq!(transactions.len(), 20);
    assert!(transactions.is_sorted_by_key(|one| std::cmp::Reverse(one["time"].as_u64())), "{body}");
    for source in ["card", "transfers"] {
        assert!(transactions.iter().any(|one| one["source"] == source), "{body}");
    }
    // The id of the request came to all back ends.
    let ended = dashboard.program.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let lines =
        |said: &str| ended.said.lines().filter(|line| line.contains("id=seven ") && line.contains(said)).count();
    let asked = ["who is alice", "accounts of alice", "recommendations for alice", "transactions of alice"];
    assert_eq!(asked.map(lines), [1, 1, 1, 2], "{}", ended.said);
    let printed = ended.printed;
    assert!(printed.contains("curl -i -H 'Authorization: Bearer alice-secret' http://"), "{printed}");
}

#[tokio::test]
async fn it_goes_on_without_recommendations_that_are_slow_and_says_so() {
    let mut dashboard = Dashboard::start(&[]);
    let mut recommendations = Vec::new();
    for _ in 0..3 {
        let (status, _, mut body) = ask(dashboard.get("/dashboard")).await;
        assert_eq!(status, 200);
        recommendations.push(body["recommendations"].take());
    }
    // Every third answer of that back end is too slow; on a machine that is busy, others may be.
    assert_eq!(recommendations[2], json!({ "items": ["tea", "bread"], "degraded": "timed out" }));
    dashboard.program.until("nobody waits for the recommendations for alice any more");

    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--recommendations", &url]);
    let (asked, _stream) = tokio::join!(ask(dashboard.get("/dashboard")), back_end.asked());
    assert_eq!((asked.0, &asked.2["recommendations"]["degraded"]), (200, &json!("timed out")));
    assert_eq!(asked.2["accounts"].as_array().unwrap().len(), 2, "the others are not concerned");
}

#[tokio::test]
async fn who_is_not_known_is_refused_and_told_how_to_be() {
    let dashboard = Dashboard::start(&[]);
    let url = format!("{}/dashboard", dashboard.url);
    let without = dashboard.client.get(&url);
    let wrong = dashboard.client.get(&url).bearer_auth("guessed");
    let other = dashboard.client.get(&url).basic_auth("alice", Some("alice-secret"));
    for request in [without, wrong, other] {
        let (status, headers, body) = ask(request).await;
        assert_eq!((status, &body["code"]), (401, &json!("no_valid_token")));
        assert_eq!(headers["www-authenticate"], r#"Bearer realm="dashboard""#);
        assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap());
    }
    assert_eq!(ask(dashboard.get("/nowhere")).await.2["code"], "not_found");
    assert_eq!(ask(dashboard.get("/notes")).await.2["code"], "method_not_allowed");
    let page = dashboard.client.get(&dashboard.url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<title>Dashboard</title>"), "{page}");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_or_a_query_is_told() {
    let dashboard = Dashboard::start(&["--rate", "100"]);
    let (status, _, body) = ask(dashboard.post(r#"{"text":"hello"}"#)).await;
    assert_eq!((status, body), (201, json!({ "user": "alice", "characters": 5 })));
    // The largest that is allowed, to the byte.
    let filled = |length: usize| format!(r#"{{"text":"{}"}}"#, "x".repeat(length - r#"{"text":""}"#.len()));
    assert_eq!(ask(dashboard.post(filled(10 * 1024))).await.0, 201);
    let (status, _, body) = ask(dashboard.post(filled(10 * 1024 + 1))).await;
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));

    let (status, _, body) = ask(dashboard.post(r#"{"text":"#)).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_body")));
    let (status, _, body) = ask(dashboard.post(r#"{"text":" "}"#)).await;
    assert_eq!((status, &body["errors"][0]["pointer"]), (422, &json!("#/text")));
    let (status, _, body) = ask(dashboard.get("/dashboard?transactions=many")).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_query")));
    let (status, _, body) = ask(dashboard.get("/dashboard?transactions=101")).await;
    assert_eq!((status, &body["code"]), (400, &json!("too_many_transactions")));
    assert_eq!(ask(dashboard.get("/dashboard?transactions=0")).await.2["transactions"], json!([]));
}

#[tokio::test]
async fn a_back_end_that_is_down_is_named_and_concerns_nothing_else() {
    let (closed, url) = BackEnd::bind().await;
    drop(closed);
    let mut dashboard = Dashboard::start(&["--accounts", &url]);
    let (status, headers, body) = ask(dashboard.get("/dashboard").header("x-request-id", "seven")).await;
    assert_eq!((status, &body["code"], &body["back_end"]), (502, &json!("back_end_failed"), &json!("accounts")));
    assert!(headers.contains_key("retry-after") && body["request_id"] == "seven");
    let told = body.to_string();
    assert!(!told.contains("127.0.0.1") && !told.contains("onnect"), "no internals: {told}");
    assert_eq!(ask(dashboard.post(r#"{"text":"hello"}"#)).await.0, 201);
    // The log has the reason, once, with the id of the request.
    let line = dashboard.program.until("502 back_end_failed");
    assert!(line.contains("ERROR") && line.contains("id=seven") && line.contains("refused"), "{line}");

    // One that only makes suggestions may be down.
    let dashboard = Dashboard::start(&["--recommendations", &url]);
    let (status, _, body) = ask(dashboard.get("/dashboard")).await;
    assert_eq!((status, &body["recommendations"]["degraded"]), (200, &json!("unavailable")));
}

/// A line that is later than all others, so that the next one is asked for, and half a line.
const LATEST: &str = "{\"time\":1900000000,\"source\":\"card\",\"cents\":7}\n{\"time\":";

#[tokio::test]
async fn a_stream_that_breaks_off_or_is_none_fails_the_request() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--card", &url]);
    for wrong in [LATEST, "<html>", &"x".repeat(20_000)] {
        let (asked, ()) = tokio::join!(ask(dashboard.get("/dashboard")), async {
            let (mut stream, head) = back_end.asked().await;
            assert!(head.starts_with("GET /transactions?user=alice HTTP/1.1\r\n"), "{head}");
            answer(&mut stream, wrong).await;
        });
        assert_eq!((asked.0, &asked.2["back_end"]), (502, &json!("card")), "{wrong:.20}");
    }
}

#[tokio::test]
async fn a_client_that_goes_takes_its_questions_along() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--accounts", &url]);
    let request = dashboard.get("/dashboard").header("x-request-id", "seven").send();
    let (mut stream, head) = tokio::select! {
        asked = back_end.asked() => asked,
        _ = request => panic!("nobody has answered"),
    };
    // With the future its connection is dropped, in the middle of the request.
    assert!(head.to_ascii_lowercase().contains("x-request-id: seven\r\n"), "{head}");
    let end = timeout(SOON, stream.read(&mut [0; 1])).await.expect("the back end sees that nobody waits");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn one_too_many_at_once_and_one_too_often_are_told_to_come_again() {
    let (back_end, url) = BackEnd::bind().await;
    let dashboard = Dashboard::start(&["--accounts", &url, "--at-once", "1"]);
    let (first, ()) = tokio::join!(ask(dashboard.get("/dashboard")), async {
        let (mut stream, _) = back_end.asked().await;
        let (status, headers, body) = ask(dashboard.post(r#"{"text":"hello"}"#)).await;
        assert_eq!((status, &body["code"]), (503, &json!("busy")));
        assert_eq!(headers["retry-after"], "1");
        answer(&mut stream, "[]").await;
    });
    assert_eq!(first.0, 200);
    assert_eq!(ask(dashboard.post(r#"{"text":"hello"}"#)).await.0, 201);

    let dashboard = Dashboard::start(&["--rate", "3"]);
    let mut refused = None;
    // More in one go than any machine is slow enough to let pass at three a second.
    for _ in 0..1000 {
        let (status, headers, body) = ask(dashboard.post(r#"{"text":"hello"}"#)).await;
        if status == 429 {
            refused = Some((headers, body));
            break;
        }
    }
    let (headers, body) = refused.expect("it is too often");
    assert_eq!((&headers["retry-after"], &body["code"]), (&"1".try_into().unwrap(), &json!("rate_limited")));
    let bob = dashboard.client.get(format!("{}/dashboard", dashboard.url)).bearer_auth("bob-secret");
    assert_eq!(bob.send().await.unwrap().status(), StatusCode::OK, "each token has a limit of its own");
}

#[tokio::test]
async fn a_stop_answers_what_was_asked_and_ends_the_dashboard_before_its_back_ends() {
    let (back_end, url) = BackEnd::bind().await;
    let mut dashboard = Dashboard::start(&["--accounts", &url]);
    let (asked, ()) = tokio::join!(ask(dashboard.get("/dashboard")), async {
        let (mut stream, _) = back_end.asked().await;
        dashboard.program.signal(Signal::TERM);
        dashboard.program.until("stopping: SIGTERM");
        answer(&mut stream, "[]").await;
    });
    let (status, headers, body) = asked;
    assert_eq!((status, &body["accounts"]), (200, &json!([])));
    assert_eq!(headers["connection"], "close");
    let ended = dashboard.program.end();
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let at = |player: &str| ended.said.find(&format!("shop/{player}}}: drained")).unwrap_or_else(|| panic!("{player}"));
    assert!(["user", "recommendations", "card", "transfers"].iter().all(|back_end| at("web") < at(back_end)));
}

#[test]
fn the_help_says_what_can_be_set_and_a_mistake_what_is_wrong() {
    let help = Program::start("dashboard", &["--help"]).end();
    for word in ["--rate", "--at-once", "Back ends that run elsewhere", "ADDRESS", "127.0.0.1:8080"] {
        assert!(help.printed.contains(word), "{}", help.printed);
    }
    assert_eq!(help.code, Some(0));
    let mistaken = Program::start("dashboard", &["--accounts", "nowhere"]).end();
    assert_eq!(mistaken.code, Some(2));
    assert!(mistaken.said.contains("invalid value 'nowhere' for '--accounts <URL>'"), "{}", mistaken.said);
}
