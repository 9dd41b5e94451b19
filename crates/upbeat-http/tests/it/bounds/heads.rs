//! The head of a request, whatever came before it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, time::sleep};
use upbeat_http::HttpServer;

use super::{SHORT, drip};
use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

/// Requests after which a head drips, and the first part of that head in the same packet.
const BEFORE: [&str; 8] = [
    "",
    "GET / HTTP/1.1\r\nhost: test\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\nx",
    "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\nx-sum: 1\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\nxPOST / HTTP/1.1\r\nhost: test\r\n",
    "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\nx\r\n",
];

fn server() -> HttpServer<Router> {
    let echo = async |body: String| body;
    HttpServer::bind("127.0.0.1:0", Router::new().route("/", get("hello").post(echo)))
}

async fn ask_first(client: &mut Raw, before: &str) {
    if !before.is_empty() {
        client.send(before).await;
        assert!(client.answer().await.starts_with("HTTP/1.1 200 "), "{before:?}");
    }
}

#[tokio::test]
async fn every_head_is_bounded_from_its_first_byte() {
    let (playing, address) = serve(server().header_timeout(SHORT)).await;
    let clients = BEFORE.map(|before| {
        tokio::spawn(async move {
            let mut client = Raw::connect(address).await;
            ask_first(&mut client, before).await;
            client.send("POST / HTTP/1.1\r\nhost: test\r\n").await;
            drip(&mut client, "x: y\r\n").await;
        })
    });
    for client in clients {
        client.await.expect("closed");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn every_head_is_bounded_during_a_drain() {
    for before in BEFORE {
        let server = server().header_timeout(SHORT).first_byte_timeout(TEST_TIMEOUT).drain_timeout(TEST_TIMEOUT * 10);
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        ask_first(&mut client, before).await;
        client.send("POST / HTTP/1.1\r\nhost: test\r\n").await;
        playing.stop();
        drip(&mut client, "x: y\r\n").await;
        let ended = playing.ended().await;
        assert!(ended.cut.is_empty(), "{before:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_partial_head_behind_a_body_in_the_same_packet_is_bounded() {
    let (playing, address) = serve(server().header_timeout(SHORT)).await;
    let mut client = Raw::connect(address).await;
    ask_first(&mut client, BEFORE[6]).await;
    // It sends nothing more.
    client.closed().await;
    playing.stopped().await;
}

/// A service may respond first and read the body later. That body is not a head.
#[tokio::test]
async fn a_body_that_is_read_after_the_response_may_take_longer_than_a_head() {
    let (sender, mut bodies) = mpsc::unbounded_channel();
    let sender = Arc::new(sender);
    let early = post(async move |body: Body| {
        tokio::spawn(async move {
            let mut body = body.into_data_stream();
            let mut read = 0;
            // The engine tells of the end of such a body only with the next request.
            while read < 12 {
                match body.next().await {
                    Some(Ok(bytes)) => read += bytes.len(),
                    _ => break,
                }
            }
            sender.send(read == 12)
        });
        "accepted"
    });
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", get("hello")).route("/early", early));
    let (playing, address) = serve(server.header_timeout(Duration::from_millis(100))).await;
    for (head, pieces, last) in [
        ("content-length: 12", ["12", "34", "56", "78", "90", "ab"], ""),
        ("transfer-encoding: chunked", ["2\r\n12\r\n"; 6], "0\r\n\r\n"),
    ] {
        let mut client = Raw::connect(address).await;
        client.send(format!("POST /early HTTP/1.1\r\nhost: test\r\n{head}\r\n\r\n")).await;
        assert!(client.answer().await.ends_with("accepted"));
        for piece in pieces {
            sleep(Duration::from_millis(40)).await;
            client.send(piece).await;
        }
        client.send(last).await;
        assert!(bodies.recv().await.expect("read"), "{head}");
        assert!(client.get("/").await.ends_with("hello"), "the next head follows");
    }
    playing.stopped().await;
}
