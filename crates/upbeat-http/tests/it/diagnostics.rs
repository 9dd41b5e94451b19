//! The diagnostics endpoints, over real sockets.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::{sync::Semaphore, time::timeout};
use upbeat::{Conductor, Context, Part};
use upbeat_http::{Address, Diagnostics, HttpServer};

use crate::common::{
    Playing, TEST_TIMEOUT,
    raw::{Raw, is_refused},
    start,
};

/// A conductor of the diagnostics, a database, and a nested web server that depends on it.
///
/// A test decides when the database is ready and when it ends.
struct Shop {
    playing: Playing,
    diagnostics: Address,
    web: Address,
    may_be_ready: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

fn shop() -> Shop {
    let (may_be_ready, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let db = {
        let (may_be_ready, may_end) = (may_be_ready.clone(), may_end.clone());
        move |cx: Context| {
            let (may_be_ready, may_end) = (may_be_ready.clone(), may_end.clone());
            async move {
                let _ = cx.unless_stopping(may_be_ready.acquire()).await;
                cx.ready();
                cx.stopping().await;
                let _ = may_end.acquire().await;
                Ok::<_, io::Error>(())
            }
        }
    };
    let diagnostics = Diagnostics::bind("127.0.0.1:0")
        .version("1.2.3")
        .routes(Router::new().route("/metrics", get(async || "metrics 1")));
    let web = HttpServer::bind("127.0.0.1:0", Router::new()).first_byte_timeout(Duration::ZERO);
    let (diagnostics_address, web_address) = (diagnostics.address(), web.address());
    let conductor = Conductor::new("shop")
        .part(Part::new("db", db).signals_ready())
        .part(Part::new("api", Conductor::new("api").player("web", web)).after("db"))
        .part(Part::new("server", diagnostics).first_and_last());
    Shop { playing: start(conductor), diagnostics: diagnostics_address, web: web_address, may_be_ready, may_end }
}

impl Shop {
    async fn ask(&self, path: &str) -> String {
        let address = timeout(TEST_TIMEOUT, self.diagnostics.wait()).await.expect("it listens");
        Raw::connect(address).await.get(path).await
    }

    async fn becomes_ready(&self) {
        self.may_be_ready.add_permits(1);
        let overview = self.playing.handle.overview();
        timeout(TEST_TIMEOUT, overview.wait_for(|snapshot| snapshot.ready)).await.expect("all players become ready");
    }

    async fn end(mut self) {
        self.may_end.add_permits(1);
        self.playing.stop();
        assert!(self.playing.report().await.is_clean());
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).expect("a status")
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a head").1
}

#[tokio::test]
async fn the_endpoints_respond_from_the_first_start_to_the_last_stop() {
    let mut shop = shop();
    let answer = shop.ask("/readyz").await;
    assert_eq!((status(&answer), body(&answer)), ("503", "not ready: shop/db is starting"));
    let answer = shop.ask("/startupz").await;
    assert_eq!((status(&answer), body(&answer)), ("503", "not started: shop/db is starting"));
    let answer = shop.ask("/livez").await;
    assert_eq!((status(&answer), body(&answer)), ("200", "ok"));

    shop.becomes_ready().await;
    for path in ["/readyz", "/startupz", "/livez"] {
        let answer = shop.ask(path).await;
        assert_eq!((status(&answer), body(&answer)), ("200", "ok"), "{path}");
    }

    shop.playing.stop();
    // Every request from here on observes the stop, while the web server has ended and the database
    // is still stopping.
    let web = shop.web.get().expect("it was bound");
    loop {
        let answer = shop.ask("/readyz").await;
        assert_eq!((status(&answer), body(&answer)), ("503", "stopping: requested"));
        if is_refused(web).await {
            break;
        }
    }
    for (path, expected) in [("/readyz", "503"), ("/ready", "503"), ("/livez", "200"), ("/startupz", "200")] {
        assert_eq!(status(&shop.ask(path).await), expected, "{path}");
    }
    let address = shop.diagnostics.get().expect("it was bound");
    shop.end().await;
    assert!(is_refused(address).await);
}

#[tokio::test]
async fn ready_returns_the_version_or_the_reason() {
    let shop = shop();
    let answer = shop.ask("/ready").await;
    assert_eq!((status(&answer), body(&answer)), ("503", "not ready: shop/db is starting"));
    shop.becomes_ready().await;
    let answer = shop.ask("/ready").await;
    assert_eq!((status(&answer), body(&answer)), ("200", "Version: 1.2.3"));
    shop.end().await;
}

#[tokio::test]
async fn verbose_adds_a_line_per_player() {
    let shop = shop();
    let answer = shop.ask("/readyz?verbose").await;
    assert_eq!(status(&answer), "503");
    let lines: Vec<_> = body(&answer).lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("[-] shop/db starting for ")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.starts_with("[-] shop/api waiting for ") && line.ends_with(", waits for shop/db")),
        "{lines:?}"
    );
    assert!(lines.contains(&"[+] shop/server ready"), "{lines:?}");
    assert_eq!(lines.last(), Some(&"not ready: shop/db is starting"));
    shop.becomes_ready().await;
    let answer = shop.ask("/startupz?verbose").await;
    let expected = "[+] shop/db ready\n[+] shop/api ready\n[+] shop/api/web ready\n[+] shop/server ready\nok";
    assert_eq!(body(&answer), expected);
    shop.end().await;
}

#[tokio::test]
async fn players_are_listed_as_json() {
    let shop = shop();
    shop.becomes_ready().await;
    let answer = shop.ask("/players").await;
    assert!(answer.contains("content-type: application/json"), "{answer}");
    let snapshot: serde_json::Value = serde_json::from_str(body(&answer)).expect("JSON");
    assert_eq!(snapshot["ready"], true);
    let web = snapshot["players"].as_array().expect("a list").iter().find(|player| player["path"] == "shop/api/web");
    let web = web.expect("nested players too");
    assert_eq!(web["state"], "ready");
    assert_eq!(web["details"]["listening"], shop.web.get().expect("bound").to_string());
    shop.end().await;
}

#[tokio::test]
async fn the_endpoints_forbid_caching_and_include_own_routes() {
    let shop = shop();
    let answer = shop.ask("/readyz").await;
    assert!(answer.contains("cache-control: no-store"), "{answer}");
    let address = shop.diagnostics.wait().await;
    for (request, expected) in [("HEAD /livez", "200"), ("POST /livez", "405"), ("GET /nothing", "404")] {
        let mut client = Raw::connect(address).await;
        client.send(format!("{request} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        let head = client.until("\r\n\r\n").await;
        assert_eq!(status(&head), expected, "{request}");
    }
    assert_eq!(body(&shop.ask("/metrics").await), "metrics 1");
    let list = shop.ask("/").await;
    for endpoint in ["/livez", "/readyz", "/startupz", "/ready", "/players"] {
        assert!(list.contains(endpoint), "{list}");
    }
    shop.end().await;
}
