//! The context of a request: its end and its values, over real sockets.

use std::{error::Error as _, net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::WebSocketUpgrade,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use h2::client;
use http::Request;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use upbeat::{Context, ContextError};
use upbeat_http::{ClientGone, HttpServer, RequestId};

use crate::common::{Playing, TEST_TIMEOUT, raw::Raw, serve};

/// The errors of the requests' contexts, sent by a task that was spawned for each request.
type Ends = mpsc::UnboundedReceiver<ContextError>;

fn text(error: &ContextError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn is_gone(error: &ContextError) -> bool {
    matches!(error, ContextError::Canceled { cause } if cause.is::<ClientGone>())
}

async fn end(ends: &mut Ends) -> ContextError {
    timeout(TEST_TIMEOUT, ends.recv()).await.expect("in time").expect("an end")
}

fn server() -> (HttpServer<Router>, Ends, mpsc::UnboundedReceiver<Context>) {
    let (send, ends) = mpsc::unbounded_channel();
    let (enter, entered) = mpsc::unbounded_channel();
    let watch = move |cx: &Context| {
        let send = send.clone();
        let waits = cx.clone();
        cx.spawn("for a request", async move { send.send(waits.done().await) });
        // The test may not receive it.
        let _ = enter.send(cx.clone());
    };
    let with = |route: fn(Context) -> Response| {
        let watch = watch.clone();
        get(async move |Extension(cx): Extension<Context>| {
            watch(&cx);
            route(cx)
        })
    };
    let never = watch.clone();
    let observes = watch.clone();
    let upgrades = watch.clone();
    let router = Router::new()
        .route("/", with(|_| "hello".into_response()))
        .route("/empty", with(|_| http::StatusCode::NO_CONTENT.into_response()))
        .route("/announced", with(|_| ([("content-length", "5")], pieces(Some("hello"))).into_response()))
        .route("/id", with(|cx| cx.value::<RequestId>().expect("every request has an id").to_string().into_response()))
        .route("/own-id", with(|_| ([("x-request-id", "mine")], "hello").into_response()))
        .route("/endless", with(|_| pieces(None).into_response()))
        .route(
            "/never",
            get(async move |Extension(cx): Extension<Context>| -> &'static str {
                never(&cx);
                std::future::pending().await
            }),
        )
        .route(
            "/observes",
            get(async move |Extension(cx): Extension<Context>| {
                observes(&cx);
                // Responds from another task, shortly after the timeout.
                let waits = cx.clone();
                let error = cx.spawn("observes", async move { waits.done().await }).await;
                (http::StatusCode::GATEWAY_TIMEOUT, error.map_or_else(|error| error.to_string(), |error| text(&error)))
            }),
        )
        .route(
            "/socket",
            get(async move |Extension(cx): Extension<Context>, socket: WebSocketUpgrade| {
                upgrades(&cx);
                socket
                    .on_upgrade(async |mut socket| while socket.recv().await.is_some_and(|message| message.is_ok()) {})
            }),
        );
    (HttpServer::bind("127.0.0.1:0", router).first_byte_timeout(Duration::ZERO), ends, entered)
}

/// Returns a body of unknown length: this text, or endless bytes.
fn pieces(text: Option<&'static str>) -> Body {
    let pieces = stream::unfold(text.is_none(), move |endless| async move {
        match text {
            Some(text) if !endless => Some((Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())), true)),
            Some(_) => std::future::pending().await,
            None => {
                sleep(Duration::from_millis(5)).await;
                Some((Ok(Bytes::from_static(b"more")), true))
            }
        }
    });
    Body::from_stream(pieces)
}

async fn play(change: impl FnOnce(HttpServer<Router>) -> HttpServer<Router>) -> (Playing, SocketAddr, Ends, Contexts) {
    let (server, ends, entered) = server();
    let server = change(server);
    let (playing, address) = serve(server).await;
    (playing, address, ends, entered)
}

type Contexts = mpsc::UnboundedReceiver<Context>;

#[tokio::test]
async fn the_context_ends_with_the_response() {
    let (playing, address, mut ends, _) = play(|server| server).await;
    let mut client = Raw::connect(address).await;
    for path in ["/", "/own-id", "/empty"] {
        client.get(path).await;
        assert_eq!(text(&end(&mut ends).await), "canceled: request completed", "{path}");
    }
    client.send("HEAD /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(text(&end(&mut ends).await), "canceled: request completed");
    let mut client = Raw::connect(address).await;
    client.send("GET /announced HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.until("hello").await;
    assert_eq!(text(&end(&mut ends).await), "canceled: request completed", "the engine has the announced length");
    assert!(playing.stopped().await.report.is_clean());
}

#[tokio::test]
async fn a_disconnect_ends_the_context_while_the_handler_runs() {
    let (playing, address, mut ends, mut entered) = play(|server| server).await;
    for path in ["/never", "/endless"] {
        let mut client = Raw::connect(address).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        let cx = timeout(TEST_TIMEOUT, entered.recv()).await.expect("in time").expect("a request");
        assert!(cx.error().is_none() && !cx.is_stopping());
        drop(client);
        assert!(is_gone(&end(&mut ends).await), "{path}");
    }
    assert!(playing.stopped().await.report.is_clean());
}

#[tokio::test]
async fn an_http2_client_can_cancel_one_request() {
    let (playing, address, mut ends, mut entered) = play(|server| server).await;
    let stream = TcpStream::connect(address).await.expect("connects");
    let (mut client, connection) = client::handshake(stream).await.expect("speaks HTTP/2");
    let connection = tokio::spawn(connection);
    let mut ask = |path: &str| {
        let request = Request::get(format!("http://test{path}")).body(()).expect("valid");
        client.send_request(request, true).expect("sends")
    };
    let (kept, _) = ask("/never");
    let kept_cx = timeout(TEST_TIMEOUT, entered.recv()).await.expect("in time").expect("a request");
    let (cancelled, mut stream) = ask("/never");
    timeout(TEST_TIMEOUT, entered.recv()).await.expect("in time").expect("a request");
    stream.send_reset(h2::Reason::CANCEL);
    drop(cancelled);
    assert!(is_gone(&end(&mut ends).await));
    assert!(kept_cx.error().is_none(), "the other request on this connection continues");
    let (answered, _) = ask("/");
    let answer = timeout(TEST_TIMEOUT, answered).await.expect("in time").expect("answered");
    assert_eq!(answer.headers()["x-request-id"].len(), 32);
    let mut body = answer.into_body();
    while body.data().await.is_some() {}
    assert_eq!(text(&end(&mut ends).await), "canceled: request completed");
    drop(kept);
    connection.abort();
    assert!(is_gone(&end(&mut ends).await));
    playing.stopped().await;
}

#[tokio::test]
async fn a_timeout_ends_the_context_and_the_server_responds_if_the_handler_does_not() {
    let bound = Duration::from_millis(200);
    let (playing, address, mut ends, _) = play(|server| server.request_timeout(bound)).await;
    let (mut client, begun) = (Raw::connect(address).await, Instant::now());
    let answer = client.get("/never").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("x-request-id: "), "{answer}");
    assert!(begun.elapsed() >= bound, "{:?}", begun.elapsed());
    assert!(matches!(end(&mut ends).await, ContextError::DeadlineExceeded));

    let answer = client.get("/observes").await;
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.ends_with("deadline exceeded"), "{answer}");
    assert!(matches!(end(&mut ends).await, ContextError::DeadlineExceeded));

    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.until("more").await;
    assert!(matches!(end(&mut ends).await, ContextError::DeadlineExceeded));
    client.until("more").await;
    drop(client);
    let mut client = Raw::connect(address).await;
    assert!(client.get("/").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(text(&end(&mut ends).await), "canceled: request completed");
    playing.stopped().await;
}

#[tokio::test]
async fn the_context_outlives_the_stop_until_the_drain_deadline() {
    let (mut playing, address, mut ends, mut entered) =
        play(|server| server.drain_timeout(Duration::from_millis(300))).await;
    let mut client = Raw::connect(address).await;
    client.send("GET /never HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let cx = timeout(TEST_TIMEOUT, entered.recv()).await.expect("in time").expect("a request");
    playing.stop();
    timeout(TEST_TIMEOUT, cx.stopping()).await.expect("it observes the stop");
    assert!(cx.error().is_none(), "and continues");
    assert_eq!(text(&end(&mut ends).await), "canceled: drain deadline exceeded");
    assert_eq!(playing.ended().await.cut.len(), 1);
}

#[tokio::test]
async fn the_context_of_an_upgraded_request_ends_with_its_connection() {
    let (playing, address, mut ends, mut entered) = play(|server| server).await;
    let (mut socket, answer) =
        tokio_tungstenite::connect_async(format!("ws://{address}/socket")).await.expect("is upgraded");
    assert_eq!(answer.headers()["x-request-id"].len(), 32);
    let cx = timeout(TEST_TIMEOUT, entered.recv()).await.expect("in time").expect("a request");
    assert!(cx.error().is_none());
    socket.close(None).await.expect("closes");
    drop(socket);
    assert_eq!(text(&end(&mut ends).await), "canceled: request completed");
    playing.stopped().await;
}

#[tokio::test]
async fn the_id_is_the_clients_or_generated_and_is_returned() {
    let (playing, address, _ends, _) = play(|server| server).await;
    let mut client = Raw::connect(address).await;
    let mut ask = async |head: &str| {
        client.send(format!("GET /id HTTP/1.1\r\nhost: x\r\n{head}\r\n")).await;
        let answer = client.answer().await;
        let back = answer
            .lines()
            .find_map(|line| line.strip_prefix("x-request-id: "))
            .expect("the response has the id")
            .to_owned();
        assert!(answer.ends_with(&back), "the handler sees the same: {answer}");
        back
    };
    assert_eq!(ask("x-request-id: order-7\r\n").await, "order-7");
    let generated = ask("").await;
    assert_eq!(generated.len(), 32);
    assert_ne!(ask("").await, generated);
    for malformed in ["x-request-id: a b\r\n", "x-request-id: \"\r\n", "x-request-id: a\r\nx-request-id: b\r\n"] {
        assert_eq!(ask(malformed).await.len(), 32, "{malformed:?}");
    }
    assert!(client.get("/own-id").await.contains("x-request-id: mine"));
    playing.stopped().await;
}
