//! Log events about stalled requests.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ws::WebSocketUpgrade, routing::get};
use futures_util::StreamExt;
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep},
};
use upbeat_http::HttpServer;

use crate::{
    captured::CapturedLog,
    common::{Playing, TEST_TIMEOUT, raw::Raw, serve},
};

const LIMIT: Duration = Duration::from_millis(200);

/// Returns the number of events about stalled requests.
fn count(log: &CapturedLog) -> usize {
    log.text().matches(" has taken ").count()
}

async fn wait_for(log: &CapturedLog, events: usize) {
    let started = Instant::now();
    while count(log) < events {
        assert!(started.elapsed() < TEST_TIMEOUT, "{}", log.text());
        sleep(Duration::from_millis(5)).await;
    }
}

/// The line of the `await` of [`slow`].
const WAITS: u32 = line!() + 3;

async fn slow(gate: Arc<Notify>) -> &'static str {
    gate.notified().await;
    "done"
}

/// Plays a server whose requests take until the gate opens.
async fn serve_slowly(gate: &Arc<Notify>) -> (Playing, SocketAddr) {
    let gate = gate.clone();
    let app = Router::new().route("/slow", get(async move || slow(gate).await));
    let server = HttpServer::bind("127.0.0.1:0", app).stall_timeout(LIMIT);
    serve(server).await
}

#[tokio::test]
async fn a_stalled_request_is_logged_once_with_its_location_and_continues() {
    let (log, _guard) = CapturedLog::start();
    let gate = Arc::new(Notify::new());
    let (playing, address) = serve_slowly(&gate).await;
    let mut client = Raw::connect(address).await;
    let begun = Instant::now();
    client.send("GET /slow?secret HTTP/1.1\r\nhost: test\r\nx-request-id: order-7\r\n\r\n").await;
    wait_for(&log, 1).await;
    assert!(begun.elapsed() >= LIMIT);
    sleep(3 * LIMIT).await;

    let text = log.text();
    assert_eq!(count(&log), 1, "{text}");
    assert!(text.contains("WARN") && text.contains("GET /slow has taken 2"), "{text}");
    assert!(text.contains(" ms: waiting in\n") && text.contains(&format!("stall.rs:{WAITS}")), "{text}");
    assert!(text.contains("id=order-7 method=GET path=/slow"), "{text}");
    assert!(!text.contains("secret"), "{text}");

    gate.notify_one();
    assert!(client.answer().await.ends_with("done"));
    let ended = playing.stopped().await;
    assert!(ended.report.is_clean(), "{}", ended.report);
}

#[tokio::test]
async fn each_of_many_stalled_requests_is_logged_once() {
    const MANY: usize = 150;
    let (log, _guard) = CapturedLog::start();
    let gate = Arc::new(Notify::new());
    let (playing, address) = serve_slowly(&gate).await;
    let mut clients = Vec::new();
    for i in 0..MANY {
        let mut client = Raw::connect(address).await;
        client.send(format!("GET /slow HTTP/1.1\r\nhost: test\r\nx-request-id: number-{i}\r\n\r\n")).await;
        clients.push(client);
    }
    wait_for(&log, MANY).await;
    sleep(2 * LIMIT).await;
    assert_eq!(count(&log), MANY);
    for i in 0..MANY {
        assert_eq!(log.text().matches(&format!("id=number-{i} ")).count(), 1, "{i}");
    }
    gate.notify_waiters();
    playing.stopped().await;
}

#[tokio::test]
async fn a_quick_request_is_not_logged_and_no_task_outlives_the_server() {
    let (log, _guard) = CapturedLog::start();
    let app = Router::new().route("/quick", get(async || "done")).route(
        "/news",
        get(async |news: WebSocketUpgrade| news.on_upgrade(async |mut socket| _ = socket.recv().await)),
    );
    let before = Handle::current().metrics().num_alive_tasks();
    let server = HttpServer::bind("127.0.0.1:0", app).stall_timeout(LIMIT);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    // A WebSocket may stay open for longer.
    let mut reader = Raw::connect(address).await;
    reader
        .send(
            "GET /news HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    reader.until("\r\n\r\n").await;
    let begun = Instant::now();
    while begun.elapsed() < 3 * LIMIT {
        assert!(client.get("/quick").await.ends_with("done"));
        sleep(LIMIT / 8).await;
    }
    drop((client, reader));
    playing.stopped().await;
    sleep(LIMIT).await;
    assert_eq!(count(&log), 0, "{}", log.text());
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn a_slow_body_is_logged_without_a_location() {
    let (log, _guard) = CapturedLog::start();
    let body = get(async || {
        let begun = futures_util::stream::once(async { Ok::<_, std::io::Error>("begun") });
        axum::response::Response::new(Body::from_stream(begun.chain(futures_util::stream::pending())))
    });
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/body", body)).stall_timeout(LIMIT);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /body HTTP/1.1\r\nhost: test\r\nx-request-id: order-7\r\n\r\n").await;
    client.until("begun").await;
    wait_for(&log, 1).await;
    let text = log.text();
    assert!(text.contains(" ms: sending its response id=order-7 method=GET path=/body"), "{text}");
    drop(client);
    playing.stopped().await;
    assert_eq!(count(&log), 1, "{}", log.text());
}
