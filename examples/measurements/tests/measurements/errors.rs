//! Tests of error responses before the first line, and of database errors.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, SqliteConnection, sqlite::SqliteConnectOptions};
use upbeat_http::EntryError;
use upbeat_measurements::{
    FaultCode, Store,
    connect::{self, ConnectError},
    generate,
};

use crate::server::{Server, TIMEOUT, bytes, file, fill, folder, lines, nonsense};

/// Returns the status, the error and the head of a response.
async fn error_response(server: &Server, target: &str) -> (u64, Value, String) {
    let (head, body) = server.get(target).await;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let error = body["error"].take();
    assert_eq!(error["status"], status);
    (status, error, head)
}

#[tokio::test]
async fn a_page_of_another_site_gets_no_web_socket() {
    let server = Server::with_rows(10);
    assert_eq!(server.upgrade(&format!("http://{}", server.address)).await, 101);
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(server.upgrade(origin).await, 403, "{origin}");
    }
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn an_invalid_parameter_is_named() {
    let server = Server::with_rows(10);
    for (query, field) in [
        ("window=0", "window"),
        ("window=100001", "window"),
        ("window=-1", "window"),
        ("window=", "window"),
        ("min=warm", "min"),
        ("min=%ff", "min"),
        ("above=NaN", "above"),
        ("above=inf", "above"),
        ("min=1&min=2", "min"),
        ("from=yesterday", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("to=-1", "to"),
        ("limit=7", "limit"),
    ] {
        let (status, error, _) = error_response(&server, &format!("/measurements?{query}")).await;
        assert_eq!((status, &error["code"], &error["field"]), (400, &json!("bad_parameter"), &json!(field)), "{query}");
        assert!(error["message"].as_str().expect("text").starts_with(&format!("`{field}` ")), "{error}");
        // A WebSocket gets the same response instead of an upgrade.
        let by_socket = connect::bytes(&server.ws(&format!("?{query}"))).await.err();
        assert!(matches!(&by_socket, Some(ConnectError::Status { status: 400, .. })), "{by_socket:?}");
    }
    let others = [("/measurements/ws", 400, "no_websocket"), ("/nothing", 404, "not_found")];
    for (target, status, code) in others {
        let response = error_response(&server, target).await;
        assert_eq!((response.0, &response.1["code"]), (status, &json!(code)), "{target}");
    }
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn a_missing_database_is_503_until_it_exists() {
    let folder = folder();
    let path = file(&folder);
    let server = Server::start(folder, &["--rows", "0"]);
    let (status, error, head) = error_response(&server, "/measurements").await;
    assert_eq!((status, &error["code"]), (503, &json!("database_unavailable")));
    assert!(head.contains("\r\nretry-after: 5"), "{head}");
    let by_socket = connect::bytes(&server.ws("")).await.err();
    assert!(matches!(&by_socket, Some(ConnectError::Status { status: 503, .. })), "{by_socket:?}");
    assert!(!path.exists(), "a query created a file");

    Store::file(&path).fill(10, |_| {}).await.expect("filled");
    assert_eq!(lines(&bytes(&server.http("")).await), 10);
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn a_rejected_query_is_500_without_details() {
    let folder = folder();
    let options = SqliteConnectOptions::new().filename(file(&folder)).create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.expect("opened");
    other.execute("CREATE TABLE secrets (x)").await.expect("created");
    let mut server = Server::start(folder, &["--rows", "0"]);
    let (status, error, _) = error_response(&server, "/measurements").await;
    let expected = json!({ "code": "query_rejected", "status": 500, "message": "database rejected the query" });
    assert_eq!((status, error), (500, expected));
    server.program.until("no such table: measurement");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_503() {
    let folder = folder();
    nonsense(&folder);
    let server = Server::start(folder, &["--rows", "0"]);
    let (status, error, _) = error_response(&server, "/measurements").await;
    assert_eq!((status, &error["code"]), (503, &json!("database_unavailable")));
}

#[tokio::test]
async fn a_locked_database_is_503_after_a_timeout_and_other_requests_are_served() {
    let folder = folder();
    fill(&folder, 10).await;
    let options = SqliteConnectOptions::new().filename(file(&folder));
    let mut other = SqliteConnection::connect_with(&options).await.expect("opened");
    other.execute("BEGIN EXCLUSIVE").await.expect("locked");
    let server = Server::start(folder, &["--rows", "0"]);

    let began = Instant::now();
    let locked = async { (error_response(&server, "/measurements").await, began.elapsed()) };
    let other_request = async { (server.stats().await, began.elapsed()).1 };
    let (((status, error, head), took), meanwhile) = tokio::join!(locked, other_request);
    assert_eq!((status, &error["code"]), (503, &json!("database_busy")));
    assert!(head.contains("\r\nretry-after: 1"), "{head}");
    // The timeout of the lock is 1 s, and that of a connection 5 s. A busy machine takes longer.
    assert!((Duration::from_millis(900)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert!(meanwhile < took, "the other request had to wait: {meanwhile:?}");

    other.execute("ROLLBACK").await.expect("unlocked");
    assert_eq!(lines(&bytes(&server.http("")).await), 10);
    assert_eq!(server.stop().0.code, Some(0));
}

#[tokio::test]
async fn a_lock_during_a_stream_ends_it_with_a_fault_from_which_to_resume() {
    let folder = folder();
    fill(&folder, 500_000).await;
    // The lock has to wait for the pages that are being read.
    let options = SqliteConnectOptions::new().filename(file(&folder)).busy_timeout(TIMEOUT);
    let mut other = SqliteConnection::connect_with(&options).await.expect("opened");
    let server = Server::start(folder, &["--rows", "0"]);
    for url in [server.http(""), server.ws("")] {
        let mut stream = connect::entries(&url).await.expect("a stream");
        stream.next().await.expect("an entry").expect("a row");
        // The client does not read meanwhile, so the stream is far from its end.
        other.execute("BEGIN EXCLUSIVE").await.expect("locked");
        let (mut rows, mut last) = (1, None);
        while let Some(entry) = stream.next().await {
            match entry {
                Err(EntryError::Reported(fault)) if fault.code != FaultCode::BadRow => last = Some(fault),
                Ok(_) | Err(EntryError::Reported(_)) => rows += 1,
                Err(error) => panic!("{error}"),
            }
        }
        other.execute("ROLLBACK").await.expect("unlocked");
        assert!(rows < 500_000, "{rows}");
        let last = last.expect("a fault");
        assert_eq!((last.code, last.resume), (FaultCode::Database, Some(generate::time(rows - 1).next())), "{last:?}");
    }
    assert_eq!(server.stop().0.code, Some(0));
}
