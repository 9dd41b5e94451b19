//! Bytes for the server: each answer is whole HTTP, the answers do not depend on how the bytes are
//! cut, the connection ends, and the next client is served.

#![no_main]

use std::{sync::LazyLock, time::Duration};

use axum::{Router, body::Bytes, routing::any};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    runtime::{Builder, Runtime},
    time::timeout,
};
use upbeat::Conductor;
use upbeat_fuzz::{Pieces, seed_and_input};
use upbeat_http::HttpServer;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A server on a socket file. TCP would use up the ports.
struct Server {
    runtime: Runtime,
    folder: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = TempDir::new().expect("a folder");
    let echo = Router::new().fallback(any(async |body: Bytes| body));
    let server = HttpServer::unix(folder.path().join("socket"), echo)
        .header_timeout(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(5));
    let conductor = Conductor::new("fuzz").player("server", server);
    let overview = conductor.handle().overview();
    runtime.spawn(conductor.play_until(std::future::pending()));
    runtime.block_on(overview.wait_ready());
    Server { runtime, folder }
});

/// Sends bytes and the end, and returns everything that is received.
async fn exchange(folder: &TempDir, pieces: Pieces<'_>) -> Vec<u8> {
    let stream = UnixStream::connect(folder.path().join("socket")).await.expect("the server listens");
    let (mut from, mut to) = stream.into_split();
    let send = async {
        for piece in pieces {
            // The server may have answered and closed before it has read everything.
            if to.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = to.shutdown().await;
    };
    let mut received = Vec::new();
    let receive = async {
        let _ = from.read_to_end(&mut received).await;
    };
    timeout(Duration::from_secs(20), async { tokio::join!(send, receive) }).await.expect("the connection ends");
    received
}

/// Returns the status of each answer. All of them are whole.
///
/// The last answer of a `HEAD` request has no body, which is not known here: a body that is missing
/// at the end is accepted.
fn statuses(mut received: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !received.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(received) {
            Ok(httparse::Status::Complete(head)) => head,
            other => panic!("{other:?}: {:?}", String::from_utf8_lossy(received)),
        };
        statuses.push(response.code.expect("a status"));
        let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let length =
            length.map_or(0, |header| std::str::from_utf8(header.value).unwrap_or("").parse().expect("a length"));
        let rest = &received[head..];
        // After the head of an answer to `HEAD` the next answer may follow.
        let body = if rest.starts_with(b"HTTP/1.") && length > 0 { 0 } else { length };
        received = rest.get(body..).unwrap_or_default();
    }
    statuses
}

/// Checks that the bytes are whole frames.
fn check_frames(mut received: &[u8]) {
    while !received.is_empty() {
        let Some(&[a, b, c, ..]) = received.get(..9) else { panic!("a part of the head of a frame") };
        let length = usize::from(a) * 65_536 + usize::from(b) * 256 + usize::from(c);
        received = received.get(9 + length..).expect("a whole frame");
    }
}

fuzz_target!(|data: &[u8]| {
    let (seed, bytes) = seed_and_input(data);
    let Server { runtime, folder } = &*SERVER;
    let whole = runtime.block_on(exchange(folder, Pieces::new(bytes, 0)));
    let cut = runtime.block_on(exchange(folder, Pieces::new(bytes, seed)));
    if bytes.starts_with(PREFACE) {
        check_frames(&whole);
        check_frames(&cut);
    } else {
        let (whole, cut) = (statuses(&whole), statuses(&cut));
        // A malformed head at the end of the bytes is answered, or the connection is closed, which
        // depends on whether the end is there when the head is parsed.
        let common = whole.iter().zip(&cut).take_while(|(whole, cut)| whole == cut).count();
        let rest = [&whole[common..], &cut[common..]].concat();
        assert!(rest.is_empty() || matches!(rest[..], [400..500]), "{whole:?} {cut:?}");
    }
    let next = b"GET / HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n\r\n";
    let next = runtime.block_on(exchange(folder, Pieces::new(next, 0)));
    assert_eq!(statuses(&next), [200]);
});
