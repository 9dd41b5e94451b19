//! Upgraded connections.

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    routing::get,
};
use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
    time::{sleep, timeout},
};
use upbeat::Context;
use upbeat_http::HttpServer;

use super::SHORT;
use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A masked text of one byte.
const TEXT: [u8; 7] = [0x81, 0x81, 0, 0, 0, 0, b'x'];

/// The length of a ping.
const FRAME: usize = 131;

/// More than the buffers of the kernel, by far.
const MOST: usize = 100 << 20;

/// Masked pings of 125 bytes.
fn pings(count: usize) -> Vec<u8> {
    let mut frame = vec![0x89, 0xfd, 0, 0, 0, 0];
    frame.extend([b'p'; 125]);
    frame.repeat(count)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Echoes with the two halves in two tasks.
async fn echo_in_halves(socket: WebSocket) {
    use futures_util::SinkExt as _;
    let (mut outgoing, mut incoming) = socket.split();
    let (sender, mut texts) = mpsc::channel(4);
    let sending = tokio::spawn(async move {
        while let Some(text) = texts.recv().await {
            if outgoing.send(text).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = incoming.next().await {
        if matches!(message, Message::Text(_)) && sender.send(message).await.is_err() {
            break;
        }
    }
    sending.abort();
}

fn echo_server() -> HttpServer<Router> {
    let router = Router::new()
        .route("/", get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)))
        .route("/halves", get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo_in_halves)));
    HttpServer::bind("127.0.0.1:0", router)
}

#[tokio::test]
async fn pings_of_a_client_that_does_not_read_are_not_collected_in_memory() {
    for path in ["/", "/halves"] {
        let (playing, address) = serve(echo_server()).await;
        let mut client = Raw::connect(address).await;
        client.send(UPGRADE.replace("GET /", &format!("GET {path}"))).await;
        client.until("\r\n\r\n").await;
        let pings = pings(10_000);
        let mut sent = 0;
        while let Ok(written) = timeout(Duration::from_secs(2), client.stream.write(&pings[sent % FRAME..])).await {
            sent += written.expect("writes");
            assert!(sent < MOST, "the server reads without an end");
        }
        // The client reads from now on: what was held back is delivered, and all is as before.
        let (mut reader, mut writer) = client.stream.into_split();
        let reading = tokio::spawn(async move {
            let mut bytes = vec![0; 1 << 16];
            let mut last = Vec::new();
            while !last.ends_with(&[0x81, 1, b'x']) {
                let n = timeout(TEST_TIMEOUT, reader.read(&mut bytes)).await.expect("in time").expect("reads");
                assert!(n > 0, "closed");
                last.extend(&bytes[..n]);
                last.drain(..last.len().saturating_sub(3));
            }
        });
        // The last write may have ended within a frame.
        let rest = (FRAME - sent % FRAME) % FRAME;
        let written = timeout(TEST_TIMEOUT, writer.write_all(&pings[FRAME - rest..FRAME])).await;
        written.expect("in time").expect("writes");
        timeout(TEST_TIMEOUT, writer.write_all(&TEXT)).await.expect("in time").expect("writes");
        reading.await.expect("the text returns");
        drop(writer);
        playing.stopped().await;
    }
}

#[tokio::test]
async fn a_write_to_a_client_that_does_not_read_fails() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let flood = get(async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut socket| {
            while socket.send(Message::Binary(vec![7; 100_000].into())).await.is_ok() {}
            let _ = sender.send(());
        })
    });
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", flood)).transfer_timeout(SHORT);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    timeout(TEST_TIMEOUT, ends.recv()).await.expect("the handler ends").expect("sent");
    playing.stopped().await;
}

#[tokio::test]
async fn the_request_timeout_ends_with_the_upgrade() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let talk = get(async move |Extension(cx): Extension<Context>, upgrade: WebSocketUpgrade| {
        let child = cx.child();
        upgrade.on_upgrade(async move |socket| {
            let ended = child.unless_done(cx.unless_done(echo(socket))).await;
            let _ = sender.send(format!("{ended:?}"));
        })
    });
    let request_timeout = Duration::from_millis(100);
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", talk)).request_timeout(request_timeout);
    let (mut playing, address) = serve(server.drain_timeout(Duration::from_millis(500))).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    client.until("\r\n\r\n").await;
    sleep(request_timeout * 4).await;
    client.send(TEXT).await;
    let mut echoed = [0; 3];
    let read = client.stream.read_exact(&mut echoed);
    timeout(TEST_TIMEOUT, read).await.expect("in time").expect("the connection is open");
    assert_eq!(echoed, [0x81, 1, b'x']);
    // The drain ends it.
    playing.stop();
    let ended = timeout(TEST_TIMEOUT, ends.recv()).await.expect("in time").expect("it ends");
    assert!(ended.contains("drain deadline exceeded") || ended.contains("DrainDeadline"), "{ended}");
    playing.ended().await;
}
