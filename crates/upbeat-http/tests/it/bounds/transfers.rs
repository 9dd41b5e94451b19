//! Bodies of which no byte moves, with HTTP/1.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures_util::stream;
use tokio::{
    io::AsyncWriteExt as _,
    sync::mpsc,
    time::{sleep, timeout},
};
use upbeat::{Context, ContextError};
#[cfg(feature = "limit")]
use upbeat_http::ConcurrencyLimitLayer;
use upbeat_http::{ClientGone, HttpServer};

use super::SHORT;
#[cfg(feature = "limit")]
use super::until;
use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
const LARGE: usize = 32 << 20;

fn pieces() -> Body {
    Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 8_192]))))
}

#[cfg(feature = "limit")]
async fn status(address: SocketAddr, path: &str) -> String {
    let mut client = Raw::connect(address).await;
    client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
    client.until("\r\n").await
}

#[cfg(feature = "limit")]
#[tokio::test]
async fn a_client_that_does_not_read_loses_its_place() {
    for one_piece in [false, true] {
        let body = get(async move || if one_piece { Body::from(vec![7; LARGE]) } else { pieces() });
        let router = Router::new().route("/", body).layer(ConcurrencyLimitLayer::all(2));
        let server = HttpServer::bind("127.0.0.1:0", router).transfer_timeout(SHORT);
        let (playing, address) = serve(server).await;
        let mut standing = Vec::new();
        for _ in 0..2 {
            let mut client = Raw::connect(address).await;
            client.send(GET).await;
            assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
            standing.push(client);
        }
        until("a place is free", async || status(address, "/").await.starts_with("HTTP/1.1 200 ")).await;
        drop(standing);
        playing.stopped().await;
    }
}

#[cfg(feature = "limit")]
#[tokio::test]
async fn a_body_of_one_piece_has_its_place_until_it_is_sent() {
    let large = get(async || Bytes::from(vec![7; LARGE]));
    let router = Router::new().route("/", large).layer(ConcurrencyLimitLayer::all(2));
    let (playing, address) = serve(HttpServer::bind("127.0.0.1:0", router)).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Raw::connect(address).await;
        client.send(GET).await;
        assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
        clients.push(client);
    }
    assert_eq!(status(address, "/").await, "HTTP/1.1 503 Service Unavailable\r\n");
    // The whole body is sent to this one.
    let mut reader = clients.pop().expect("two");
    let mut left = LARGE;
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        left = left.saturating_sub(reader.read_some(&mut buffer).await);
    }
    until("its place is free", async || status(address, "/").await.starts_with("HTTP/1.1 200 ")).await;
    drop(clients);
    playing.stopped().await;
}

#[tokio::test]
async fn the_context_of_a_response_that_is_not_read_ends_as_if_the_client_had_left() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let watched = get(async move |Extension(cx): Extension<Context>| {
        tokio::spawn(async move { sender.send(cx.done().await) });
        pieces()
    });
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", watched)).transfer_timeout(SHORT);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send(GET).await;
    let end = timeout(TEST_TIMEOUT, ends.recv()).await.expect("in time").expect("it ends");
    assert!(matches!(&end, ContextError::Canceled { cause } if cause.is::<ClientGone>()), "{end:?}");
    playing.stopped().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_an_error_to_which_the_service_responds() {
    let read = post(async |body: Result<Bytes, axum::extract::rejection::BytesRejection>| match body {
        Ok(body) => format!("{} bytes", body.len()),
        Err(_) => "no more bytes".to_owned(),
    });
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", read)).transfer_timeout(SHORT);
    let (playing, address) = serve(server).await;
    for (head, part) in [
        ("content-length: 10", "123"),
        ("content-length: 10", ""),
        ("content-length: 10\r\nexpect: 100-continue", ""),
        ("transfer-encoding: chunked", "3\r\n123\r\n"),
        ("transfer-encoding: chunked", "3\r\n123\r\n0\r\nx-tr"),
    ] {
        let mut client = Raw::connect(address).await;
        client.send(format!("POST / HTTP/1.1\r\nhost: test\r\n{head}\r\n\r\n{part}")).await;
        let answer = client.rest().await;
        assert!(answer.ends_with("no more bytes"), "{head}: {answer}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_service_that_takes_its_time_is_no_standstill() {
    let slow = async |body: Bytes| {
        sleep(SHORT * 3).await;
        format!("{} bytes", body.len())
    };
    let slow_body = async || {
        Body::from_stream(stream::once(async {
            sleep(SHORT * 3).await;
            Ok::<_, Infallible>(Bytes::from_static(b"late"))
        }))
    };
    let router = Router::new().route("/", post(slow)).route("/late", get(slow_body));
    let (playing, address) = serve(HttpServer::bind("127.0.0.1:0", router).transfer_timeout(SHORT)).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 3\r\n\r\nabc").await;
    assert!(client.answer().await.ends_with("3 bytes"));
    client.send("GET /late HTTP/1.1\r\nhost: test\r\n\r\n").await;
    client.until("late").await;
    playing.stopped().await;
}

#[tokio::test]
async fn a_slow_transfer_takes_as_long_as_it_needs() {
    let read = post(async |body: Bytes| format!("{} bytes", body.len()));
    let limit = Duration::from_secs(2);
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", read)).transfer_timeout(limit);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n").await;
    for _ in 0..10 {
        sleep(limit / 8).await;
        client.stream.write_all(b"x").await.expect("the server reads");
    }
    assert!(client.answer().await.ends_with("10 bytes"));
    playing.stopped().await;
}
