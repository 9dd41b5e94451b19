//! The server without a stop, over real sockets.

use std::{convert::Infallible, future::poll_fn, sync::Arc, task::Poll, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures_util::stream;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::Semaphore,
    time::{Instant, timeout},
};
use upbeat::{Conductor, Context, Part, report::Cause};
use upbeat_http::HttpServer;

use crate::common::{
    TEST_TIMEOUT, play,
    raw::{Raw, is_refused},
    serve, start,
};

const BUSY_MACHINE: Duration = Duration::from_millis(200);

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/echo", post(|body: Bytes| async { body }))
        .route("/ignores-its-body", post(|| async { "no thanks" }))
        .route("/panics", get(panics))
        .route("/panics-in-its-body", get(panics_in_its_body))
        .layer(tower::util::MapRequestLayer::new(|request: Request<Body>| {
            assert!(request.uri().path() != "/panics-in-call", "on purpose");
            request
        }))
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

async fn panics_in_its_body() -> Body {
    let mut chunks = 0;
    Body::from_stream(stream::poll_fn(move |_| {
        chunks += 1;
        assert!(chunks < 3, "on purpose");
        Poll::Ready(Some(Ok::<_, Infallible>(Bytes::from_static(b"chunk"))))
    }))
}

fn server() -> HttpServer<Router> {
    HttpServer::bind("127.0.0.1:0", router()).first_byte_timeout(Duration::ZERO)
}

#[tokio::test]
async fn a_slow_head_is_closed_even_if_bytes_keep_arriving() {
    let limit = Duration::from_millis(400);
    let server = server().header_timeout(limit);
    let (playing, address) = serve(server).await;
    for used_before in [false, true] {
        let mut client = Raw::connect(address).await;
        if used_before {
            client.get("/").await;
        }
        let since = Instant::now();
        client.send("GET / HTTP/1.1\r\n").await;
        let mut every = tokio::time::interval(Duration::from_millis(20));
        let dribble = async {
            loop {
                every.tick().await;
                // Fails once the server has closed.
                if client.stream.write_all(b"x: y\r\n").await.is_err() {
                    break;
                }
            }
        };
        timeout(TEST_TIMEOUT, dribble).await.expect("closed");
        let took = since.elapsed();
        assert!(took >= limit && took < limit + BUSY_MACHINE, "{took:?}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn the_keep_alive_timeout_counts_from_the_last_response() {
    let limit = Duration::from_millis(400);
    let server = server().keep_alive_timeout(limit).header_timeout(Duration::from_millis(100));
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    let took = client.closed().await;
    assert!(took >= limit.saturating_sub(BUSY_MACHINE) && took < limit + BUSY_MACHINE, "sent nothing: {took:?}");
    let mut client = Raw::connect(address).await;
    for _ in 0..3 {
        // The connection is used for longer than the timeout in total.
        assert!(client.get("/").await.ends_with("hello"));
        let pause = timeout(limit / 2, client.stream.readable()).await;
        assert!(pause.is_err(), "not closed while in use");
    }
    client.get("/").await;
    let took = client.closed().await;
    assert!(took >= limit.saturating_sub(BUSY_MACHINE) && took < limit + BUSY_MACHINE, "{took:?}");
    playing.stopped().await;
}

#[tokio::test]
async fn an_idle_connection_without_an_engine_is_served() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\nbody").await;
    assert!(client.answer().await.ends_with("body"));
    for _ in 0..2 {
        assert!(client.get("/").await.ends_with("hello"));
        let quiet = timeout(Duration::from_millis(1_100), client.stream.readable()).await;
        assert!(quiet.is_err(), "it is not closed");
        // In two parts, the first of which must not be lost.
        client.send("POST /echo HTTP/1.1\r\nhost: te").await;
        assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
        client.send("st\r\ncontent-length: 4\r\n\r\nbo").await;
        assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
        client.send("dy").await;
        assert!(client.answer().await.ends_with("body"));
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_panic_and_an_error_are_a_500_for_one_request_only() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    for path in ["/panics", "/panics-in-call"] {
        let answer = client.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains(r#""code":"internal""#), "{answer}");
    }
    assert!(client.get("/").await.ends_with("hello"), "the connection continues");
    playing.stopped().await;

    let failing = tower::service_fn(|_: Request<Incoming>| async {
        Err::<Response<Full<Bytes>>, _>(std::io::Error::other("no such luck"))
    });
    let server = HttpServer::bind("127.0.0.1:0", failing).first_byte_timeout(Duration::ZERO);
    let (playing, address) = serve(server).await;
    let answer = Raw::connect(address).await.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 500 ") && !answer.contains("luck"), "{answer}");
    playing.stopped().await;
}

#[tokio::test]
async fn a_panic_in_a_body_aborts_one_response_only() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut other = Raw::connect(address).await;
    other.get("/").await;
    let mut client = Raw::connect(address).await;
    client.send("GET /panics-in-its-body HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let answer = client.rest().await;
    assert!(!answer.ends_with("0\r\n\r\n"), "the response is incomplete: {answer}");
    assert!(other.get("/").await.ends_with("hello"));
    assert!(playing.stopped().await.player.failures.is_empty());
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    let request = |n| format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 2\r\n\r\n{n:02}");
    client.send((0..50).map(request).collect::<Vec<_>>().concat()).await;
    for n in 0..50 {
        assert!(client.answer().await.ends_with(&format!("\r\n\r\n{n:02}")));
    }
    playing.stopped().await;
}

#[tokio::test]
async fn http_1_0_is_closed_after_its_response_unless_it_requests_keep_alive() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.answer().await.ends_with("hello"));
    client.closed().await;
    let mut client = Raw::connect(address).await;
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        assert!(client.answer().await.ends_with("hello"));
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("POST /echo HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert!(client.answer().await.ends_with("body"));
    playing.stopped().await;
}

#[tokio::test]
async fn a_response_that_ignores_a_large_body_arrives() {
    let server = server();
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("POST /ignores-its-body HTTP/1.1\r\nhost: test\r\ncontent-length: 100000000\r\n\r\n").await;
    for _ in 0..20 {
        client.send(vec![b'z'; 65_536]).await;
    }
    let answer = client.answer().await;
    assert!(answer.ends_with("no thanks"), "{answer}");
    playing.stopped().await;
}

#[tokio::test]
async fn at_the_limit_of_connections_the_server_pauses_and_refuses_none() {
    let server = server().max_connections(2);
    let (playing, address) = serve(server).await;
    let mut first = Raw::connect(address).await;
    let mut second = Raw::connect(address).await;
    assert!(first.get("/").await.ends_with("hello") && second.get("/").await.ends_with("hello"));
    let mut third = Raw::connect(address).await;
    third.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let early = timeout(Duration::from_millis(100), third.stream.readable()).await;
    assert!(early.is_err(), "it waits while two connections are open");
    drop(first);
    assert!(third.answer().await.ends_with("hello"));
    playing.stopped().await;
}

#[tokio::test]
async fn an_address_in_use_fails_the_start_with_address_and_remedy() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = taken.local_addr().expect("bound");
    let conductor = Conductor::new("test").part(Part::new("server", HttpServer::bind(address.to_string(), router())));
    let ended = start(conductor).ended().await;
    assert!(matches!(ended.report.cause, Cause::Failed { .. }) && ended.report.exit_code() == 1);
    let failure = ended.player.failures[0].to_string();
    let expected = format!(
        "cannot listen on {address}: address already in use (`ss -ltnp 'sport = :{}'` shows the process)",
        address.port()
    );
    assert_eq!(failure, expected);
}

#[tokio::test]
async fn a_given_listener_is_closed_at_the_stop_and_bound_again_by_the_next_run() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    let server = HttpServer::from_listener(listener, router()).first_byte_timeout(Duration::ZERO);
    assert_eq!(server.address().get(), None, "unknown before it plays");
    let server = Arc::new(server);
    let playing = play(server.clone()).await;
    assert_eq!(server.address().get(), Some(address));
    assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
    playing.handle.part("test/server").restart().await.expect("restarts");
    let overview = playing.handle.overview();
    let again = overview.wait_for(|snapshot| snapshot.ready && snapshot.players[0].runs == 2);
    timeout(TEST_TIMEOUT, again).await.expect("it is ready again");
    assert!(Raw::connect(address).await.get("/").await.ends_with("hello"));
    playing.stopped().await;
    assert!(is_refused(address).await);
}

#[tokio::test]
async fn a_unix_socket_replaces_a_stale_file_and_removes_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("server.sock");
    // Dropping a listener leaves its file behind.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
    assert!(path.exists());
    let playing = play(HttpServer::unix(&path, router()).first_byte_timeout(Duration::ZERO)).await;
    let mut client = UnixStream::connect(&path).await.expect("connects");
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("sends");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("answers");
    assert!(answer.ends_with("hello"), "{answer}");

    let second = start(Conductor::new("test").part(Part::new("server", HttpServer::unix(&path, router()))));
    let failure = second.ended().await.player.failures[0].to_string();
    assert!(failure.ends_with("server.sock: address already in use (another process accepts there)"), "{failure}");

    playing.stopped().await;
    assert!(!path.exists());
    std::fs::write(&path, "other data").expect("writes");
    let third = start(Conductor::new("test").part(Part::new("server", HttpServer::unix(&path, router()))));
    let failure = third.ended().await.player.failures[0].to_string();
    assert!(failure.ends_with("the path exists and is not a socket"), "{failure}");
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "other data");
}

#[tokio::test]
async fn every_request_carries_the_context_of_the_run() {
    let asks = tower::service_fn(|request: Request<Incoming>| async move {
        let path = request.extensions().get::<Context>().map(|cx| cx.path().to_owned());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(path.unwrap_or_default()))))
    });
    let server = HttpServer::bind("127.0.0.1:0", asks).first_byte_timeout(Duration::ZERO);
    let (playing, address) = serve(server).await;
    assert!(Raw::connect(address).await.get("/").await.ends_with("test/server"));
    playing.stopped().await;
}

#[tokio::test]
async fn an_aborted_run_drops_its_connections_and_handlers() {
    struct Alive(#[expect(dead_code, reason = "its drop releases the permit")] tokio::sync::OwnedSemaphorePermit);
    let alive = Arc::new(Semaphore::new(1));
    let permit = alive.clone().try_acquire_owned().expect("free");
    let held = Arc::new(parking_lot::Mutex::new(Some(Alive(permit))));
    let entered = Arc::new(Semaphore::new(0));
    let handler = {
        let (held, entered) = (held.clone(), entered.clone());
        move || async move {
            let _alive = held.lock().take();
            entered.add_permits(1);
            poll_fn(|_| Poll::<()>::Pending).await;
        }
    };
    let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/", get(handler)));
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let _ = timeout(TEST_TIMEOUT, entered.acquire()).await.expect("a request arrives");
    playing.handle.abort();
    playing.ended().await;
    client.closed().await;
    let _ = timeout(TEST_TIMEOUT, alive.acquire()).await.expect("the handler is dropped");
}
