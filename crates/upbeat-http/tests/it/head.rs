//! Heads that do not reach the service, over real sockets.

use axum::{Router, extract::Request, routing::any};
use bytes::Bytes;
use h2::client;
use http::{Request as ClientRequest, header};
use tokio::net::TcpStream;
use upbeat_http::HttpServer;

use crate::common::{raw::Raw, serve};

async fn host(request: Request) -> String {
    let host = |name| request.headers().get(name).and_then(|host| host.to_str().ok()).unwrap_or("none").to_owned();
    host(header::HOST)
}

fn server() -> HttpServer<Router> {
    HttpServer::bind("127.0.0.1:0", Router::new().fallback(any(host)))
}

#[tokio::test]
async fn a_request_without_one_valid_host_is_a_bad_request() {
    let (playing, address) = serve(server()).await;
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a\r\nHost: a\r\n", "host: a b\r\n", "host: user@a\r\n"] {
        let mut client = Raw::connect(address).await;
        client.send(format!("GET / HTTP/1.1\r\n{hosts}\r\n")).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(r#""code":"invalid_host""#), "{answer}");
        assert!(answer.contains("application/problem+json") && answer.contains(r#""request_id":"#), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.rest().await.ends_with("none"), "HTTP/1.0 needs none");
    playing.stopped().await;
}

#[tokio::test]
async fn the_host_of_an_absolute_target_replaces_the_header() {
    let (playing, address) = serve(server()).await;
    let mut client = Raw::connect(address).await;
    client.send("GET http://right:81/x HTTP/1.1\r\nhost: wrong\r\n\r\n").await;
    assert!(client.answer().await.ends_with("right:81"));
    client.send("GET https://right/x HTTP/1.1\r\nhost: wrong\r\n\r\n").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 421 "), "the connection is not encrypted");
    playing.stopped().await;
}

#[tokio::test]
async fn a_body_of_a_refused_request_is_not_taken_for_the_next_request() {
    let (playing, address) = serve(server()).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\ncontent-length: 50\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
    playing.stopped().await;
}

#[tokio::test]
async fn with_http_2_the_authority_is_checked_and_the_connection_stays() {
    let (playing, address) = serve(server()).await;
    let stream = TcpStream::connect(address).await.expect("connects");
    let (mut client, connection) = client::handshake(stream).await.expect("speaks HTTP/2");
    let connection = tokio::spawn(connection);
    for (uri, host, status) in [
        ("http://test/", None, 200),
        ("http://test/", Some("TEST:80"), 200),
        ("http://test/", Some("other"), 400),
        ("http://test/", Some("te st"), 400),
        ("/", Some("test"), 200),
        ("/", None, 400),
        ("http://test/", None, 200),
    ] {
        let mut request = ClientRequest::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let (response, _) = client.send_request(request.body(()).expect("valid"), true).expect("sends");
        let response = response.await.expect("is answered");
        assert_eq!(response.status(), status, "{uri} {host:?}");
        let _: Option<Result<Bytes, _>> = response.into_body().data().await;
    }
    drop(client);
    playing.stopped().await;
    let _ = connection.await;
}
