//! A server that has few file descriptors, in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::Stdio,
};

use axum::{Router, routing::get};
use harm::{child, descriptors};
use tokio::io::AsyncReadExt as _;
use upbeat::{Conductor, Part};
use upbeat_http::{Diagnostics, HttpServer};

use crate::common::raw::Raw;

/// The limit of the server's process.
const LIMIT: u64 = 64;

/// More clients than that.
const CLIENTS: usize = 100;

/// Plays until a line arrives.
#[expect(clippy::print_stdout, reason = "the parent reads the addresses")]
async fn play() {
    descriptors::limit(LIMIT);
    let web = HttpServer::bind("127.0.0.1:0", Router::new().route("/", get("hello")));
    let web = web.first_byte_timeout(std::time::Duration::from_millis(500));
    let diagnostics = Diagnostics::bind("127.0.0.1:0");
    let addresses = [web.address(), diagnostics.address()];
    let conductor =
        Conductor::new("test").part(Part::new("diagnostics", diagnostics).first_and_last()).player("web", web);
    let stop = async {
        for address in addresses {
            println!("{}", address.wait().await);
        }
        let _ = tokio::io::stdin().read_u8().await;
    };
    let report = conductor.play_until(stop).await;
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn diagnostics_have_a_reserve_and_no_client_is_lost() {
    if child::is_child() {
        return play().await;
    }
    let mut server = child::again("bounds::descriptors::diagnostics_have_a_reserve_and_no_client_is_lost")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut address = || lines.find_map(|line| line.rsplit(' ').next()?.parse::<SocketAddr>().ok()).expect("listens");
    let (web, diagnostics) = (address(), address());

    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Raw::connect(web).await);
    }
    // Those that have no descriptor wait in the kernel.
    for _ in 0..3 {
        let mut probe = Raw::connect(diagnostics).await;
        assert!(probe.get("/livez").await.ends_with("ok"));
        assert!(Raw::connect(diagnostics).await.get("/dump").await.contains("web"));
    }
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    }
    server.stdin.take().expect("piped").write_all(b"\n").expect("stops");
    for mut client in clients {
        assert!(client.answer().await.ends_with("hello"));
    }
    let mut rest = String::new();
    lines.for_each(|line| rest += &line);
    assert!(server.wait().expect("ends").success(), "{rest}");
}
