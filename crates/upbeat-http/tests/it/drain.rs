//! The effect of a stop on each class of HTTP/1 connection, over real sockets.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    response::sse::{Event, Sse},
    routing::{get, post},
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::timeout;
use upbeat::{Context, report::Outcome};
use upbeat_http::HttpServer;

use crate::common::{
    Gate, TEST_TIMEOUT, play_with,
    raw::{Raw, is_refused},
    serve,
};

const HEADER_TIMEOUT: Duration = Duration::from_millis(600);
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_millis(200);
const DRAIN: Duration = Duration::from_millis(1_500);

/// The limit for an immediate close on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(150);

fn server(gate: &Gate) -> HttpServer<Router> {
    let pass = {
        let gate = gate.clone();
        move || gate.clone().pass()
    };
    let upload = {
        let gate = gate.clone();
        move |body: Bytes| async move {
            drop(gate);
            format!("{} bytes", body.len())
        }
    };
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/gated", get(pass.clone()).post(pass))
        .route("/upload", post(upload))
        .route(
            "/endless",
            get(|| async {
                Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 8_192]))))
            }),
        )
        .route("/ticks", get(ticks))
        .route("/finite-ticks", get(finite_ticks))
        .route("/large", get(|| async { "y".repeat(8 << 20) }));
    HttpServer::bind("127.0.0.1:0", router)
        .header_timeout(HEADER_TIMEOUT)
        .first_byte_timeout(FIRST_BYTE_TIMEOUT)
        .drain_timeout(DRAIN)
}

async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::once(async { Ok(Event::default().data("first")) }).chain(stream::pending()))
}

async fn finite_ticks(Extension(cx): Extension<Context>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::once(async { Ok(Event::default().data("first")) }).chain(stream::pending());
    Sse::new(
        ticks
            .take_until(async move { cx.stopping().await })
            .chain(stream::once(async { Ok(Event::default().data("goodbye")) })),
    )
}

#[tokio::test]
async fn a_long_idle_connection_is_closed_at_once() {
    let server = server(&Gate::new()).first_byte_timeout(Duration::ZERO);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    assert!(client.get("/").await.ends_with("hello"));
    playing.stop();
    assert!(client.closed().await < AT_ONCE);
    let ended = playing.ended().await;
    assert!(ended.took < AT_ONCE, "{ended:?}");
    assert!(ended.cut.is_empty());
    assert!(ended.notes[0].ends_with(": no request was in flight"), "{ended:?}");
}

#[tokio::test]
async fn a_recently_used_connection_may_send_one_more_request() {
    let server = server(&Gate::new()).first_byte_timeout(Duration::from_secs(5));
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    assert!(!client.get("/").await.contains("connection: close"));
    playing.stop();
    while !is_refused(address).await {}
    let answer = client.get("/").await;
    assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
    assert!(client.closed().await < AT_ONCE);
    let ended = playing.ended().await;
    assert!(ended.took < Duration::from_secs(4), "it does not wait for the first byte timeout: {ended:?}");
    assert!(ended.notes[0].ends_with(": 1 request in flight finished"), "{ended:?}");
}

#[tokio::test]
async fn a_silent_connection_is_closed_after_the_first_byte_timeout() {
    let server = server(&Gate::new());
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    playing.stop();
    assert!(client.closed().await < FIRST_BYTE_TIMEOUT + AT_ONCE);
    assert!(playing.ended().await.took < FIRST_BYTE_TIMEOUT + AT_ONCE);
}

#[tokio::test]
async fn a_partial_http2_preface_is_closed_at_once() {
    for part in ["PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        let server = server(&Gate::new());
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        client.send(part).await;
        // A response on another connection shows that the server has read the part.
        assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
        playing.stop();
        assert!(client.closed().await < AT_ONCE, "{part}");
        playing.ended().await;
    }
}

#[tokio::test]
async fn a_partial_head_is_closed_at_the_header_timeout() {
    for part in ["G", "P", "GET / HT", "GET / HTTP/1.1\r\nhost: test\r\nx-slow: "] {
        for used_before in [false, true] {
            let server = server(&Gate::new());
            let (mut playing, address) = serve(server).await;
            let mut client = Raw::connect(address).await;
            if used_before {
                client.get("/").await;
            }
            client.send(part).await;
            assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
            playing.stop();
            let took = client.closed().await;
            assert!(took < HEADER_TIMEOUT + AT_ONCE, "{part}: {took:?}");
            assert!(took > FIRST_BYTE_TIMEOUT, "{part}: the server waits for the rest of the head, {took:?}");
            let ended = playing.ended().await;
            assert!(ended.took < HEADER_TIMEOUT + AT_ONCE && ended.cut.is_empty(), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_partial_head_behind_a_request_has_the_header_timeout() {
    let server = server(&Gate::new()).header_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\nGET / HT").await;
    assert!(client.answer().await.ends_with("hello"));
    playing.stop();
    // The close of a silent connection shows that the first byte timeout has passed.
    Raw::connect(address).await.closed().await;
    client.send("TP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(client.answer().await.ends_with("hello"));
    assert!(playing.ended().await.took < DRAIN);
}

#[tokio::test]
async fn a_head_completed_during_the_drain_is_answered() {
    for used_before in [false, true] {
        let server = server(&Gate::new()).header_timeout(TEST_TIMEOUT);
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        if used_before {
            client.get("/").await;
        }
        client.send("GET / HTTP/1.1\r\nho").await;
        assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
        playing.stop();
        while !is_refused(address).await {}
        client.send("st: test\r\n\r\n").await;
        let answer = client.answer().await;
        assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
        client.closed().await;
        assert!(playing.ended().await.took < DRAIN);
    }
}

#[tokio::test]
async fn a_request_in_flight_finishes_with_connection_close() {
    let gate = Gate::new();
    let server = server(&gate);
    let report = server.drain_report();
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /gated HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    playing.stop();
    while !is_refused(address).await {}
    gate.open();
    let answer = client.answer().await;
    assert!(answer.contains("connection: close") && answer.ends_with("through the gate"), "{answer}");
    assert!(client.closed().await < AT_ONCE);
    let ended = playing.ended().await;
    assert!(ended.cut.is_empty() && ended.notes[0].ends_with(": 1 request in flight finished"), "{ended:?}");
    let report = report.get().expect("a drain has ended");
    assert_eq!((report.finished, report.abandoned, report.cut.len()), (1, 0, 0));
}

#[tokio::test]
async fn an_unfinished_request_is_cut_at_the_drain_deadline_and_reported() {
    let gate = Gate::new();
    let server = server(&gate);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /gated?secret=1 HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    playing.stop();
    client.closed().await;
    let ended = playing.ended().await;
    assert_eq!(ended.player.outcome, Outcome::Stopped);
    assert!(ended.took >= DRAIN && ended.took < DRAIN + AT_ONCE, "{ended:?}");
    assert!(ended.cut[0].starts_with("GET /gated, open for 1."), "{ended:?}");
    assert!(ended.notes[0].ends_with(": 0 requests in flight finished, 1 cut"), "{ended:?}");
}

#[tokio::test]
async fn the_conductors_deadline_bounds_the_drain_with_a_margin_for_the_report() {
    let gate = Gate::new();
    let server = server(&gate).drain_timeout(TEST_TIMEOUT);
    let address = server.address();
    let mut playing = play_with(server, Duration::from_millis(800)).await;
    let mut client = Raw::connect(address.wait().await).await;
    client.send("GET /gated HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    playing.stop();
    let ended = playing.ended().await;
    assert!(ended.took < Duration::from_millis(800), "{ended:?}");
    assert_eq!(ended.player.outcome, Outcome::Stopped, "it is not aborted");
    assert_eq!(ended.cut.len(), 1);
    assert_eq!(ended.report.exit_code(), upbeat::exit_code::OVERRAN);
}

#[tokio::test]
async fn a_disconnect_during_the_drain_is_counted_as_abandoned() {
    let gate = Gate::new();
    let server = server(&gate);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /gated HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    playing.stop();
    while !is_refused(address).await {}
    drop(client);
    let ended = playing.ended().await;
    assert!(ended.took < DRAIN && ended.cut.is_empty(), "{ended:?}");
    assert!(ended.notes[0].contains("1 abandoned by their clients"), "{ended:?}");
}

#[tokio::test]
async fn a_stalled_upload_is_cut_and_reported_and_an_active_one_finishes() {
    for stalls in [true, false] {
        let server = server(&Gate::new());
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        client.send("POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\nhalf.").await;
        assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
        playing.stop();
        while !is_refused(address).await {}
        if !stalls {
            client.send("whole").await;
            let answer = client.answer().await;
            assert!(answer.contains("connection: close") && answer.ends_with("10 bytes"), "{answer}");
        }
        let ended = playing.ended().await;
        if stalls {
            assert!(ended.cut[0].starts_with("POST /upload, open for 1."), "{ended:?}");
        } else {
            assert!(ended.cut.is_empty(), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_and_reported() {
    // One body never ends. The other is complete but exceeds the socket's buffer.
    for path in ["/endless", "/large"] {
        let server = server(&Gate::new());
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        client.until("\r\n\r\n").await;
        playing.stop();
        let ended = playing.ended().await;
        assert!(ended.took >= DRAIN && ended.took < DRAIN + AT_ONCE, "{ended:?}");
        assert!(ended.cut[0].starts_with(&format!("GET {path}, open for ")), "{ended:?}");
    }
}

#[tokio::test]
async fn a_slow_client_gets_its_whole_response() {
    let server = server(&Gate::new()).drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /large HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.contains("content-length: 8388608"), "{head}");
    playing.stop();
    while !is_refused(address).await {}
    let rest = client.rest().await;
    assert_eq!(rest.len(), 8 << 20);
    assert!(playing.ended().await.cut.is_empty());
}

#[tokio::test]
async fn an_open_event_stream_is_cut_and_one_that_observes_the_stop_finishes() {
    for path in ["/ticks", "/finite-ticks"] {
        let server = server(&Gate::new());
        let (mut playing, address) = serve(server).await;
        let mut client = Raw::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        client.until("data: first").await;
        playing.stop();
        if path == "/ticks" {
            let ended = playing.ended().await;
            assert!(ended.cut[0].starts_with("GET /ticks, open for 1."), "{ended:?}");
        } else {
            client.until("data: goodbye\n\n").await;
            client.until("0\r\n\r\n").await;
            let ended = playing.ended().await;
            assert!(ended.cut.is_empty() && ended.took < DRAIN, "{ended:?}");
        }
    }
}

#[tokio::test]
async fn connections_in_the_accept_queue_at_the_stop_are_served() {
    let gate = Gate::new();
    let server = server(&gate).max_connections(1).first_byte_timeout(Duration::from_secs(2));
    let (mut playing, address) = serve(server).await;
    let mut first = Raw::connect(address).await;
    first.send("GET /gated HTTP/1.1\r\nhost: test\r\n\r\n").await;
    gate.entered().await;
    // The kernel completes these. The server is at its limit and has not accepted them.
    let mut queued = Vec::new();
    for _ in 0..50 {
        let mut client = Raw::connect(address).await;
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        queued.push(client);
    }
    playing.stop();
    for client in &mut queued {
        let answer = client.answer().await;
        assert!(answer.contains("connection: close") && answer.ends_with("hello"), "{answer}");
    }
    gate.open();
    assert!(first.answer().await.ends_with("through the gate"));
    assert!(playing.ended().await.cut.is_empty());
}

#[tokio::test]
async fn a_response_is_not_destroyed_by_later_bytes_of_the_client() {
    let gate = Gate::new();
    let server = server(&gate).drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    // The handler responds without reading the body, much of which is in flight.
    client.send("POST /gated HTTP/1.1\r\nhost: test\r\ncontent-length: 50000000\r\n\r\n").await;
    gate.entered().await;
    playing.stop();
    while !is_refused(address).await {}
    gate.open();
    for _ in 0..100 {
        // The server continues to read, so that this neither blocks forever nor fails.
        timeout(TEST_TIMEOUT, client.send(vec![b'z'; 65_536])).await.expect("the server continues to read");
    }
    let answer = client.answer().await;
    assert!(answer.contains("connection: close") && answer.ends_with("through the gate"), "{answer}");
    assert!(playing.ended().await.took < Duration::from_secs(3), "it continues to read for at most a second");
}

#[tokio::test]
async fn load_on_keep_alive_connections_through_a_stop_leaves_no_request_unanswered() {
    let server = server(&Gate::new()).first_byte_timeout(Duration::from_secs(5)).drain_timeout(TEST_TIMEOUT);
    let (mut playing, address) = serve(server).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let answered = answered.clone();
            tokio::spawn(async move {
                let mut client = Raw::connect(address).await;
                loop {
                    // Panics if the connection is closed before the response.
                    let answer = client.get("/").await;
                    assert!(answer.ends_with("hello"));
                    answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if answer.contains("connection: close") {
                        return;
                    }
                }
            })
        })
        .collect();
    while answered.load(std::sync::atomic::Ordering::Relaxed) < 2_000 {
        tokio::task::yield_now().await;
    }
    playing.stop();
    for client in clients {
        client.await.expect("every request is answered");
    }
    let ended = playing.ended().await;
    assert!(ended.cut.is_empty() && ended.notes[0].contains("100 requests in flight finished"), "{ended:?}");
    assert!(is_refused(address).await);
}
