//! The effect of a stop on upgraded connections, over real sockets.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
};
use futures_util::{SinkExt, StreamExt};
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, protocol::frame::coding::CloseCode},
};
use upbeat::Context;
use upbeat_http::HttpServer;

use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

const DRAIN: Duration = Duration::from_millis(1_500);
const BUSY_MACHINE: Duration = Duration::from_millis(200);

fn server() -> HttpServer<Router> {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", get(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }))
        .route("/flood", get(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(flood) }))
        .route("/lines", get(lines));
    HttpServer::bind("127.0.0.1:0", router).drain_timeout(DRAIN).first_byte_timeout(Duration::from_millis(100))
}

/// Echoes text until the client closes.
async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Sends large messages endlessly and reads at the same time.
async fn flood(socket: WebSocket) {
    let (mut outgoing, mut incoming) = socket.split();
    let sending = tokio::spawn(async move {
        while outgoing.send(Message::Binary(vec![7; 300_000].into())).await.is_ok() {
            // The close frame must come between two of these.
        }
    });
    while let Some(Ok(_)) = incoming.next().await {}
    sending.abort();
}

/// A custom protocol that ends with a line at the stop, unless the request disables that.
async fn lines(Extension(cx): Extension<Context>, mut request: Request) -> Response {
    let stubborn = request.headers().contains_key("x-stubborn");
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgrade.await.expect("upgraded"));
        let _ = io.write_all(b"welcome\n").await;
        if stubborn {
            // The reads fail when the connection is cut.
            let _ = io.read_to_end(&mut Vec::new()).await;
        } else {
            cx.stopping().await;
            let _ = io.write_all(b"goodbye\n").await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "lines")
        .body(axum::body::Body::empty())
        .expect("valid")
}

async fn websocket(address: SocketAddr, path: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.expect("connects");
    let url = format!("ws://test{path}");
    timeout(TEST_TIMEOUT, tokio_tungstenite::client_async(url, stream)).await.expect("in time").expect("a websocket").0
}

fn is_going_away(message: &tungstenite::Message) -> bool {
    matches!(message, tungstenite::Message::Close(Some(frame)) if frame.code == CloseCode::Away)
}

#[tokio::test]
async fn a_websocket_gets_a_close_frame_without_its_handlers_help() {
    let server = server();
    let (mut playing, address) = serve(server).await;
    let mut client = websocket(address, "/echo").await;
    client.send(tungstenite::Message::text("ping")).await.expect("sends");
    assert_eq!(client.next().await.expect("echoed").expect("whole").into_text().expect("text"), "ping");
    playing.stop();
    let close = timeout(TEST_TIMEOUT, client.next()).await.expect("in time").expect("a frame").expect("whole");
    assert!(is_going_away(&close), "{close:?}");
    // The client's close frame ends the handler, which ends the connection.
    while let Some(Ok(_)) = timeout(TEST_TIMEOUT, client.next()).await.expect("in time") {}
    let ended = playing.ended().await;
    assert!(ended.took < DRAIN && ended.cut.is_empty(), "{ended:?}");
    assert!(ended.notes[0].ends_with(": 1 request in flight finished"), "{ended:?}");
}

#[tokio::test]
async fn the_close_frame_is_sent_between_two_messages() {
    let server = server().drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut client = websocket(address, "/flood").await;
    for _ in 0..20 {
        client.next().await.expect("a message").expect("whole");
    }
    playing.stop();
    let close = loop {
        // A misplaced frame would be a protocol error here.
        match timeout(TEST_TIMEOUT, client.next()).await.expect("in time").expect("a frame").expect("whole") {
            tungstenite::Message::Binary(bytes) => {
                assert!(bytes.len() == 300_000 && bytes.iter().all(|byte| *byte == 7));
            }
            other => break other,
        }
    };
    assert!(is_going_away(&close), "{close:?}");
    while let Some(Ok(_)) = timeout(TEST_TIMEOUT, client.next()).await.expect("in time") {}
    assert!(playing.ended().await.cut.is_empty());
}

#[tokio::test]
async fn a_websocket_whose_client_ignores_the_close_frame_is_cut_and_reported() {
    let server = server();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client
        .send(
            "GET /echo HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    client.until("\r\n\r\n").await;
    playing.stop();
    let mut close = [0; 4];
    client.stream.read_exact(&mut close).await.expect("a close frame");
    assert_eq!(close, [0x88, 2, 0x03, 0xe9]);
    let ended = playing.ended().await;
    assert!(ended.took >= DRAIN && ended.took < DRAIN + BUSY_MACHINE, "{ended:?}");
    assert!(ended.cut[0].starts_with("websocket GET /echo, open for 1."), "{ended:?}");
    client.closed().await;
}

#[tokio::test]
async fn another_protocol_observes_the_stop_and_finishes() {
    let server = server();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /lines HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\n").await;
    client.until("welcome\n").await;
    playing.stop();
    assert_eq!(client.until("goodbye\n").await, "goodbye\n");
    let ended = playing.ended().await;
    assert!(ended.took < DRAIN && ended.cut.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn another_protocol_that_continues_is_cut_and_reported() {
    let server = server();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client
        .send("GET /lines HTTP/1.1\r\nhost: test\r\nx-stubborn: 1\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\n")
        .await;
    client.until("welcome\n").await;
    playing.stop();
    let ended = playing.ended().await;
    assert!(ended.cut[0].starts_with("lines GET /lines, open for 1."), "{ended:?}");
    let since = Instant::now();
    client.closed().await;
    assert!(since.elapsed() < BUSY_MACHINE, "its socket does not outlive the server");
}

#[tokio::test]
async fn an_upgraded_connection_outlives_the_header_and_keep_alive_timeouts() {
    let bound = Duration::from_millis(100);
    let server = server().header_timeout(bound).keep_alive_timeout(bound);
    let (playing, address) = serve(server).await;
    let mut client = websocket(address, "/echo").await;
    // The close of an idle connection shows that the timeout has passed.
    Raw::connect(address).await.closed().await;
    Raw::connect(address).await.closed().await;
    client.send(tungstenite::Message::text("still here")).await.expect("sends");
    assert_eq!(client.next().await.expect("echoed").expect("whole").into_text().expect("text"), "still here");
    drop(client);
    playing.stopped().await;
}
