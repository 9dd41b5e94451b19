//! Bodies of which no byte moves, with HTTP/2.
#![cfg(feature = "limit")]

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use futures_util::stream;
use h2::client::{self, SendRequest};
use http::{Request, StatusCode};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use upbeat_http::{ConcurrencyLimitLayer, HttpServer};

use super::{SHORT, until};
use crate::common::{TEST_TIMEOUT, serve};

fn server() -> HttpServer<Router> {
    let limit = ConcurrencyLimitLayer::all(1);
    let pieces = async || Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[7; 8_192]))));
    let two = async || Body::from_stream(stream::iter([vec![7; 100_000], vec![7; 100_000]].map(Ok::<_, Infallible>)));
    let limited = Router::new()
        .route("/pieces", get(pieces))
        .route("/two", get(two))
        .route("/large", get(async || vec![7; 1 << 20]))
        .route("/small", get("hello"))
        .layer(limit);
    let router = limited.route("/empty", get(StatusCode::NO_CONTENT));
    HttpServer::bind("127.0.0.1:0", router).transfer_timeout(SHORT)
}

async fn connect(address: SocketAddr, window: u32) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(address).await.expect("connects");
    let (client, connection) =
        client::Builder::new().initial_window_size(window).handshake(stream).await.expect("speaks HTTP/2");
    (client, tokio::spawn(connection))
}

async fn ask(client: &mut SendRequest<Bytes>, path: &str) -> http::Response<h2::RecvStream> {
    let request = Request::get(format!("http://test{path}")).body(()).expect("valid");
    let response = client.send_request(request, true).expect("sends").0;
    timeout(TEST_TIMEOUT, response).await.expect("in time").expect("answered")
}

/// Reads what arrives without ever admitting more. Returns the error at the end.
async fn read_to_error(response: http::Response<h2::RecvStream>) -> Option<h2::Error> {
    let mut body = response.into_body();
    while let Some(chunk) = timeout(TEST_TIMEOUT, body.data()).await.expect("the stream ends") {
        if let Err(error) = chunk {
            return Some(error);
        }
    }
    None
}

#[tokio::test]
async fn a_stream_that_the_client_does_not_admit_is_reset() {
    for (path, window) in [
        ("/pieces", 0),
        ("/large", 0),
        ("/small", 0),
        ("/two", 0),
        // The engine has all of the last chunk, and a part of it was admitted.
        ("/large", 65_535),
        ("/two", 65_535),
        ("/two", 150_000),
    ] {
        let (playing, address) = serve(server()).await;
        let (mut client, connection) = connect(address, window).await;
        let standing = ask(&mut client, path).await;
        assert_eq!(standing.status(), 200);
        let error = read_to_error(standing).await.expect("reset");
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{path} with {window}");
        assert_eq!(ask(&mut client, "/empty").await.status(), 204, "the connection goes on");
        let (mut other, _) = connect(address, 1 << 20).await;
        until("the place is free", async || ask(&mut other, "/small").await.status() == 200).await;
        drop((client, other, connection));
        playing.stopped().await;
    }
}

#[tokio::test]
async fn a_connection_is_closed_if_its_only_stream_cannot_be_reset() {
    let (playing, address) = serve(server()).await;
    // The engine has the whole response, of which one byte was admitted.
    let (mut client, connection) = connect(address, 1).await;
    let standing = ask(&mut client, "/small").await;
    assert!(read_to_error(standing).await.is_some());
    let _ = timeout(TEST_TIMEOUT, connection).await.expect("the connection ends");
    playing.stopped().await;
}

#[tokio::test]
async fn a_large_response_arrives_whole() {
    let (playing, address) = serve(server()).await;
    let (mut client, _connection) = connect(address, 10_000).await;
    for (path, length) in [("/large", 1 << 20), ("/two", 200_000)] {
        let mut body = ask(&mut client, path).await.into_body();
        let mut read = 0;
        while let Some(chunk) = timeout(TEST_TIMEOUT, body.data()).await.expect("in time") {
            let chunk = chunk.expect("a complete response");
            read += chunk.len();
            body.flow_control().release_capacity(chunk.len()).expect("admits more");
        }
        assert_eq!(read, length, "{path}");
    }
    playing.stopped().await;
}
