//! Limits for requests: on a paused clock, and over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes, to_bytes},
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{Instant, advance, timeout},
};
use tower::ServiceExt as _;
use upbeat::{Context, limit::Rate};
use upbeat_http::{ConcurrencyLimitLayer, HttpServer, Peer, RateLimitLayer, RequestKey};

use crate::common::{raw::Raw, serve};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

async fn ask(app: &Router, token: Option<&str>) -> Response {
    let mut request = Request::get("/");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap());
    timeout(1000 * S, response).await.expect("no request waits that long").unwrap()
}

async fn code(response: Response) -> (u16, Option<u64>, Value) {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").map(|after| after.to_str().unwrap().parse().unwrap());
    let body = to_bytes(response.into_body(), 9999).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, retry_after, body["code"].clone())
}

/// Returns a router that counts the calls of its service.
fn hello(calls: &Arc<AtomicUsize>) -> Router {
    let calls = calls.clone();
    Router::new().route(
        "/",
        get(async move || {
            calls.fetch_add(1, SeqCst);
            "hello"
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_the_rate_is_rejected_with_retry_after() {
    let calls = Arc::default();
    let rate = Rate::per_minute(6).burst(2);
    let app = hello(&calls).layer(RateLimitLayer::each(RequestKey::bearer(), rate));
    for token in [Some("alice"), Some("bob"), None] {
        assert_eq!(ask(&app, token).await.status(), 200);
        advance(MS).await;
        assert_eq!(ask(&app, token).await.status(), 200);
        assert_eq!(code(ask(&app, token).await).await, (429, Some(10), json!("rate_limited")));
    }
    assert_eq!(calls.load(SeqCst), 6, "the other requests do not reach the service");
    advance(10 * S).await;
    assert_eq!(ask(&app, Some("alice")).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_limit_without_keys_is_shared_and_a_full_keyed_one_rejects_new_keys() {
    let app = hello(&Arc::default()).layer(RateLimitLayer::all(Rate::per_second(1)));
    assert_eq!(ask(&app, Some("alice")).await.status(), 200);
    assert_eq!(code(ask(&app, Some("bob")).await).await, (429, Some(1), json!("rate_limited")));

    let few = RateLimitLayer::each(RequestKey::bearer(), Rate::per_second(1).burst(3)).max_keys(1);
    let app = hello(&Arc::default()).layer(few);
    assert_eq!(ask(&app, Some("alice")).await.status(), 200);
    assert_eq!(ask(&app, Some("bob")).await.status(), 429);
    assert_eq!(ask(&app, Some("alice")).await.status(), 200);
}

/// Returns a router whose response needs one permit of the gate for its head and one for its body.
fn gated(gate: &Arc<Semaphore>) -> Router {
    let gate = gate.clone();
    Router::new().route(
        "/",
        get(async move || {
            gate.acquire().await.unwrap().forget();
            let last = stream::once(async move {
                gate.acquire().await.unwrap().forget();
                Ok::<_, std::io::Error>(Bytes::from_static(b"last"))
            });
            Body::from_stream(stream::once(async { Ok(Bytes::from_static(b"first ")) }).chain(last))
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn a_concurrent_request_is_rejected_until_a_response_was_sent() {
    let gate = Arc::new(Semaphore::new(0));
    let app = gated(&gate).layer(ConcurrencyLimitLayer::all(1).retry_after(7 * S));
    let (first, ()) = tokio::join!(ask(&app, None), async {
        assert_eq!(code(ask(&app, None).await).await, (503, Some(7), json!("busy")));
        gate.add_permits(1);
    });
    assert_eq!(ask(&app, None).await.status(), 503, "the head was sent, but not the body");
    gate.add_permits(1);
    assert_eq!(to_bytes(first.into_body(), 99).await.unwrap(), "first last");
    gate.add_permits(1);
    let second = ask(&app, None).await;
    assert_eq!(second.status(), 200);
    drop(second);
    gate.add_permits(1);
    assert_eq!(ask(&app, None).await.status(), 200, "a dropped response returns its permit, too");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_a_permit_until_the_queue_timeout() {
    let gate = Arc::new(Semaphore::new(0));
    let app = gated(&gate).layer(ConcurrencyLimitLayer::each(RequestKey::bearer(), 1).queue_timeout(2 * S));
    let start = Instant::now();
    let alice = tokio::spawn({
        let app = app.clone();
        async move { ask(&app, Some("alice")).await.status() }
    });
    tokio::task::yield_now().await;
    assert_eq!(code(ask(&app, Some("alice")).await).await, (503, Some(1), json!("busy")));
    assert_eq!(start.elapsed(), 2 * S);
    let (second, ()) = tokio::join!(ask(&app, Some("alice")), async {
        tokio::time::sleep(S).await;
        gate.add_permits(2);
    });
    // The first response is dropped with its body, and its permit goes to the second request.
    assert_eq!((alice.await.unwrap(), second.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(start.elapsed(), 3 * S);
    gate.add_permits(1);
    assert_eq!(ask(&app, Some("bob")).await.status(), 200, "another key has a permit of its own");
}

#[tokio::test]
async fn a_client_is_keyed_by_address_and_a_rejection_has_the_request_id() {
    let peer = async |Extension(cx): Extension<Context>| cx.value::<Peer>().unwrap().to_string();
    let router = Router::new()
        .route("/", get(peer))
        .layer(RateLimitLayer::each(RequestKey::client(), Rate::new(1, Duration::from_hours(1))));
    let server = HttpServer::bind("127.0.0.1:0", router);
    let (playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    let here = client.stream.local_addr().unwrap().to_string();
    assert!(client.get("/").await.ends_with(&here));
    // Another connection from the same address.
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nhost: test\r\nx-request-id: seven\r\n\r\n").await;
    let answer = client.answer().await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 3600"), "{answer}");
    assert!(answer.contains(r#""request_id":"seven""#), "{answer}");
    playing.stopped().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_it_waits_takes_no_permit() {
    let gate = Arc::new(Semaphore::new(1));
    let app = gated(&gate).layer(ConcurrencyLimitLayer::all(1).queue_timeout(100 * S));
    let first = ask(&app, None).await;
    assert!(timeout(S, ask(&app, None)).await.is_err());
    gate.add_permits(1);
    let start = Instant::now();
    let (second, ()) = tokio::join!(ask(&app, None), async { drop(first) });
    assert_eq!((second.status(), start.elapsed()), (StatusCode::OK, Duration::ZERO));
}
