//! Requests with a body, as far as the head of the response depends on it.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use tokio::time::timeout;
use upbeat_http::HttpServer;

use crate::common::{Playing, raw::Raw, serve};

fn router() -> Router {
    Router::new()
        .route("/bytes", post(async |body: Bytes| body))
        .route("/stream", post(async |request: Request| request.into_body()))
        .route("/late", post(late))
        .route("/ignores", post(async || "no thanks"))
        .route("/refuses", post(async || StatusCode::UNAUTHORIZED))
        .route("/news", post(async || Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())))
        .route("/fails", post(async || -> &'static str { panic!("on purpose") }))
        .route("/never", post(pending::<()>))
        .route("/fails-in-its-body", post(async || Body::from_stream(stream::poll_fn(fail))))
}

/// Answers with a stream that reads the body only after some time.
async fn late(request: Request) -> Body {
    let wait = stream::once(tokio::time::sleep(Duration::from_millis(50))).filter_map(async |()| None);
    Body::from_stream(wait.chain(request.into_body().into_data_stream()))
}

fn fail(_: &mut std::task::Context<'_>) -> std::task::Poll<Option<Result<Bytes, Infallible>>> {
    panic!("on purpose")
}

async fn start() -> (Playing, std::net::SocketAddr) {
    let server = HttpServer::bind("127.0.0.1:0", router()).first_byte_timeout(Duration::ZERO);
    serve(server.request_timeout(Duration::from_secs(5))).await
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: test\r\n{more}\r\n")
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[tokio::test]
async fn a_status_of_100_comes_before_the_body_and_the_head_after_it() {
    let (playing, address) = start().await;
    for path in ["/bytes", "/stream", "/late"] {
        for length in ["content-length: 4", "transfer-encoding: chunked"] {
            let mut client = Raw::connect(address).await;
            for _ in 0..2 {
                client.send(head(path, &format!("expect: 100-Continue\r\n{length}\r\n"))).await;
                assert_eq!(client.until("\r\n\r\n").await, CONTINUE, "{path} {length}");
                let early = timeout(Duration::from_millis(50), client.stream.readable()).await;
                assert!(early.is_err() || path == "/late", "{path}: nothing more comes before the body");
                client.send(if length.contains('4') { "body" } else { "4\r\nbody\r\n0\r\n\r\n" }).await;
                let answer = client.until("body").await;
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{path} {length}: {answer}");
                if answer.contains("chunked") {
                    client.until("0\r\n\r\n").await;
                }
            }
        }
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_body_that_comes_with_its_head_is_answered() {
    let (playing, address) = start().await;
    for path in ["/bytes", "/stream"] {
        let mut client = Raw::connect(address).await;
        client.send(head(path, "expect: 100-continue\r\ncontent-length: 4\r\n") + "body").await;
        let answer = client.until("body").await;
        assert!(answer.contains("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_client_that_waits_is_refused_without_a_status_of_100() {
    let (playing, address) = start().await;
    for (path, status) in [("/ignores", "200"), ("/refuses", "401"), ("/nowhere", "404"), ("/fails", "500")] {
        let mut client = Raw::connect(address).await;
        client.send(head(path, "expect: 100-continue\r\ncontent-length: 4\r\n")).await;
        let answer = client.rest().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "the body is not read: {answer}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_stream_that_does_not_read_the_body_begins_at_once() {
    let (playing, address) = start().await;
    let mut client = Raw::connect(address).await;
    client.send(head("/news", "expect: 100-continue\r\ncontent-length: 4\r\n")).await;
    assert!(client.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(client);
    playing.stopped().await;
}

#[tokio::test]
async fn a_body_that_panics_before_the_head_is_a_500() {
    let (playing, address) = start().await;
    let mut client = Raw::connect(address).await;
    client.send(head("/fails-in-its-body", "expect: 100-continue\r\ncontent-length: 4\r\n")).await;
    assert!(client.rest().await.starts_with("HTTP/1.1 500 "));
    playing.stopped().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_ends_the_wait_for_its_body() {
    let server = HttpServer::bind("127.0.0.1:0", router()).first_byte_timeout(Duration::ZERO);
    let (playing, address) = serve(server.request_timeout(Duration::from_millis(200))).await;
    for path in ["/stream", "/never"] {
        let mut client = Raw::connect(address).await;
        client.send(head(path, "expect: 100-continue\r\ncontent-length: 4\r\n")).await;
        let answer = client.rest().await;
        let answer = answer.strip_prefix(CONTINUE).unwrap_or(&answer);
        assert!(answer.starts_with("HTTP/1.1 503 "), "{path}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{path}: {answer}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_connection_whose_upload_is_not_read_is_announced_to_be_closed() {
    let (playing, address) = start().await;
    for length in ["content-length: 100000000", "transfer-encoding: chunked"] {
        for path in ["/ignores", "/refuses", "/fails"] {
            let mut client = Raw::connect(address).await;
            client.send(head(path, &format!("{length}\r\n"))).await;
            let answer = client.rest().await;
            assert!(answer.contains("\r\nconnection: close\r\n"), "{path} {length}: {answer}");
        }
    }
    // A body that has arrived is discarded, and the connection is kept.
    let mut client = Raw::connect(address).await;
    for body in ["content-length: 4\r\n\r\nbody", "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"] {
        client.send(format!("POST /ignores HTTP/1.1\r\nhost: test\r\n{body}")).await;
        let answer = client.answer().await;
        assert!(answer.ends_with("no thanks") && !answer.contains("connection: close"), "{answer}");
    }
    playing.stopped().await;
}
