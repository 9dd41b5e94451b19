//! The start of a server.

use std::os::unix::net::UnixListener;

use axum::{Router, routing::get};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::time::timeout;
use upbeat::{Conductor, Part};
use upbeat_http::HttpServer;

use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

fn hello() -> Router {
    Router::new().route("/", get("hello"))
}

#[tokio::test]
async fn localhost_is_every_address_of_that_name() {
    let addresses: Vec<_> = tokio::net::lookup_host("localhost:0").await.expect("resolves").collect();
    for _ in 0..3 {
        let (playing, address) = serve(HttpServer::bind("localhost:0", hello())).await;
        for mut each in addresses.clone() {
            if std::net::TcpListener::bind(each).is_err() {
                // This machine has no such address.
                continue;
            }
            each.set_port(address.port());
            assert!(Raw::connect(each).await.get("/").await.ends_with("hello"), "{each}");
        }
        playing.stopped().await;
        for mut each in addresses.clone() {
            each.set_port(address.port());
            assert!(crate::common::raw::is_refused(each).await, "{each}");
        }
    }
}

#[tokio::test]
async fn a_port_that_is_in_use_at_one_of_the_addresses_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("bound").port();
    let server = HttpServer::bind(format!("localhost:{port}"), hello());
    let report = timeout(TEST_TIMEOUT, Conductor::new("test").player("web", server).play_until(std::future::pending()));
    let report = report.await.expect("it ends");
    assert!(report.to_string().contains("address already in use"), "{report}");
}

#[tokio::test]
async fn a_unix_socket_whose_process_hangs_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let address = SockAddr::unix(&path).expect("short");
    let hanging = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    hanging.bind(&address).expect("binds");
    hanging.listen(0).expect("listens");
    let mut queued = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        client.set_nonblocking(true).expect("set");
        if client.connect(&address).is_err() {
            break;
        }
        queued.push(client);
    }
    let part = Part::new("web", HttpServer::unix(&path, hello()));
    let report = timeout(TEST_TIMEOUT, Conductor::new("test").part(part).play_until(std::future::pending()));
    let report = report.await.expect("it ends");
    assert!(report.to_string().contains("another process accepts there"), "{report}");
    assert!(path.exists(), "the file of the other process stays");
}

#[tokio::test]
async fn a_stale_unix_socket_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    drop(UnixListener::bind(&path).expect("binds"));
    let playing = crate::common::play(HttpServer::unix(&path, hello())).await;
    std::os::unix::net::UnixStream::connect(&path).expect("connects");
    playing.stopped().await;
}
