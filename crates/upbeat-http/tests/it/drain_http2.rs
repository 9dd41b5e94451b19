//! The effect of a stop on HTTP/2 connections, over real sockets.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use h2::client::{self, SendRequest};
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};
use upbeat_http::HttpServer;

use crate::common::{Gate, TEST_TIMEOUT, raw::Raw, serve};

const HEADER_TIMEOUT: Duration = Duration::from_millis(500);
const DRAIN: Duration = Duration::from_millis(2_500);
const BUSY_MACHINE: Duration = Duration::from_millis(200);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

struct DropFlag(Arc<AtomicBool>);

impl Drop for DropFlag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

struct Handlers {
    gate: Gate,
    dropped: Arc<AtomicBool>,
}

fn server() -> (HttpServer<Router>, Handlers) {
    let handlers = Handlers { gate: Gate::new(), dropped: Arc::new(AtomicBool::new(false)) };
    let gated = {
        let (gate, dropped) = (handlers.gate.clone(), handlers.dropped.clone());
        move || async move {
            let _flag = DropFlag(dropped);
            gate.pass().await
        }
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/gated", get(gated))
        .route("/large", get(|| async { "y".repeat(1 << 20) }))
        .route("/panics", get(panics));
    let server = HttpServer::bind("127.0.0.1:0", router)
        .header_timeout(HEADER_TIMEOUT)
        .first_byte_timeout(Duration::from_millis(100))
        .drain_timeout(DRAIN);
    (server, handlers)
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn connect(address: SocketAddr) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.expect("connects");
    let (client, connection) = client::handshake(stream).await.expect("speaks HTTP/2");
    (client, tokio::spawn(connection))
}

fn ask(client: &mut SendRequest<Bytes>, path: &str) -> client::ResponseFuture {
    let request = Request::get(format!("http://test{path}")).body(()).expect("valid");
    client.send_request(request, true).expect("sends").0
}

async fn body(response: Response<h2::RecvStream>) -> Vec<u8> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.expect("a complete response");
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend(chunk);
    }
    bytes
}

#[tokio::test]
async fn an_idle_client_that_acknowledges_the_ping_is_closed_by_goaway() {
    let (server, _) = server();
    let (mut playing, address) = serve(server).await;
    let (mut client, connection) = connect(address).await;
    let response = timeout(TEST_TIMEOUT, ask(&mut client, "/")).await.expect("in time").expect("answered");
    assert_eq!(body(response).await, b"hello");
    playing.stop();
    timeout(TEST_TIMEOUT, connection)
        .await
        .expect("closed")
        .expect("no panic")
        .expect("closed by GOAWAY without an error");
    let ended = playing.ended().await;
    assert!(ended.took < Duration::from_millis(500) && ended.cut.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn an_idle_client_that_ignores_the_ping_is_closed_after_a_second() {
    let (server, _) = server();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send([PREFACE, EMPTY_SETTINGS].concat()).await;
    // The server's own settings show that it has read the client's.
    let mut head = [0; 9];
    client.stream.read_exact(&mut head).await.expect("settings");
    playing.stop();
    let since = Instant::now();
    let mut rest = Vec::new();
    timeout(TEST_TIMEOUT, client.stream.read_to_end(&mut rest)).await.expect("closes").expect("reads");
    let goaway = [7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff];
    assert!(rest.windows(goaway.len()).any(|window| window == goaway), "{rest:?}");
    assert!(since.elapsed() < Duration::from_secs(1) + BUSY_MACHINE, "{:?}", since.elapsed());
    let ended = playing.ended().await;
    assert!(ended.took < Duration::from_secs(1) + BUSY_MACHINE && ended.cut.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn a_preface_without_settings_is_closed_at_the_header_timeout_with_and_without_a_stop() {
    for stop in [true, false] {
        let (server, _) = server();
        let (mut playing, address) = serve(server).await;
        for bytes in [PREFACE.to_vec(), [PREFACE, &EMPTY_SETTINGS[..5]].concat()] {
            if stop && bytes.len() > PREFACE.len() {
                continue;
            }
            let since = Instant::now();
            let mut stream = TcpStream::connect(address).await.expect("connects");
            stream.write_all(&bytes).await.expect("sends");
            if stop {
                // The settings show that the server has read the preface.
                stream.read_exact(&mut [0; 9]).await.expect("settings");
                playing.stop();
            }
            let _ = timeout(TEST_TIMEOUT, stream.read_to_end(&mut Vec::new())).await.expect("closes");
            let took = since.elapsed();
            assert!(took >= HEADER_TIMEOUT / 2 && took < HEADER_TIMEOUT + BUSY_MACHINE, "{took:?}");
        }
        if !stop {
            playing.stop();
        }
        assert!(playing.ended().await.took < HEADER_TIMEOUT + BUSY_MACHINE);
    }
}

#[tokio::test]
async fn streams_in_flight_finish_and_new_ones_are_refused() {
    let (server, handlers) = server();
    let (mut playing, address) = serve(server).await;
    let (mut client, connection) = connect(address).await;
    let first = ask(&mut client, "/gated");
    let second = ask(&mut client, "/gated");
    handlers.gate.entered().await;
    handlers.gate.entered().await;
    playing.stop();
    // The client observes the stop once it may not send requests.
    let refused = timeout(TEST_TIMEOUT, async {
        while client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    refused.await.expect("GOAWAY arrives");
    handlers.gate.open();
    for answer in [first, second] {
        let response = timeout(TEST_TIMEOUT, answer).await.expect("in time").expect("answered");
        assert_eq!(body(response).await, b"through the gate");
    }
    let _ = timeout(TEST_TIMEOUT, connection).await.expect("closes");
    let ended = playing.ended().await;
    assert!(ended.took < DRAIN && ended.cut.is_empty(), "{ended:?}");
    assert!(ended.notes[0].ends_with(": 2 requests in flight finished"), "{ended:?}");
}

#[tokio::test]
async fn unfinished_streams_are_cut_and_reported_and_their_handlers_dropped() {
    let (server, handlers) = server();
    let (mut playing, address) = serve(server).await;
    let (mut client, _connection) = connect(address).await;
    let _answer = ask(&mut client, "/gated");
    handlers.gate.entered().await;
    playing.stop();
    let ended = playing.ended().await;
    assert!(ended.took >= DRAIN && ended.took < DRAIN + BUSY_MACHINE, "{ended:?}");
    assert!(ended.cut[0].starts_with("GET /gated, open for 2."), "{ended:?}");
    timeout(TEST_TIMEOUT, async {
        while !handlers.dropped.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the handler does not outlive the server");
}

#[tokio::test]
async fn a_response_that_waits_for_the_clients_window_is_in_flight() {
    let (server, _) = server();
    let (mut playing, address) = serve(server).await;
    let (mut client, _connection) = connect(address).await;
    let mut idle = Raw::connect(address).await;
    idle.send([PREFACE, EMPTY_SETTINGS].concat()).await;
    idle.stream.read_exact(&mut [0; 9]).await.expect("settings");
    // A complete body that exceeds the 64 KiB window.
    let response = timeout(TEST_TIMEOUT, ask(&mut client, "/large")).await.expect("in time").expect("answered");
    playing.stop();
    // The time for which an idle connection stays open.
    let _ = timeout(TEST_TIMEOUT, idle.stream.read_to_end(&mut Vec::new())).await.expect("closes");
    assert_eq!(body(response).await.len(), 1 << 20);
    let ended = playing.ended().await;
    assert!(ended.cut.is_empty() && ended.notes[0].ends_with(": 1 request in flight finished"), "{ended:?}");
}

#[tokio::test]
async fn a_response_that_is_never_read_is_cut_and_reported() {
    let (server, _) = server();
    let (mut playing, address) = serve(server).await;
    let (mut client, _connection) = connect(address).await;
    let _response = timeout(TEST_TIMEOUT, ask(&mut client, "/large")).await.expect("in time").expect("answered");
    playing.stop();
    let ended = playing.ended().await;
    assert!(ended.cut[0].starts_with("GET /large, open for 2."), "{ended:?}");
}

#[tokio::test]
async fn a_panic_fails_one_stream_only() {
    let (server, handlers) = server();
    let (playing, address) = serve(server).await;
    let (mut client, _connection) = connect(address).await;
    let other = ask(&mut client, "/gated");
    handlers.gate.entered().await;
    let response = timeout(TEST_TIMEOUT, ask(&mut client, "/panics")).await.expect("in time").expect("answered");
    assert_eq!(response.status(), 500);
    let problem = serde_json::from_slice::<serde_json::Value>(&body(response).await).expect("a problem");
    assert_eq!(problem["code"], "internal");
    handlers.gate.open();
    let response = timeout(TEST_TIMEOUT, other).await.expect("in time").expect("answered");
    assert_eq!(body(response).await, b"through the gate");
    drop(client);
    playing.stopped().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_keep_alive_timeout() {
    let (server, _) = server();
    let server = server.keep_alive_timeout(Duration::from_millis(300));
    let (playing, address) = serve(server).await;
    let since = Instant::now();
    let (_client, connection) = connect(address).await;
    timeout(TEST_TIMEOUT, connection).await.expect("closed").expect("no panic").expect("by GOAWAY without an error");
    assert!(since.elapsed() >= Duration::from_millis(300));
    playing.stopped().await;
}
