//! Requests and connections that are stuck, as `/dump` tells of them.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    io::AsyncReadExt,
    sync::{Mutex, mpsc},
    time::{Instant, sleep, timeout},
};
use upbeat::{Conductor, Context, Part};
use upbeat_http::{Diagnostics, HttpServer, TcpServer};

use crate::common::{TEST_TIMEOUT, raw::Raw, start};

/// The line of the `await` of [`order`].
const WAITS: u32 = line!() + 3;

async fn order(State(stock): State<Arc<Mutex<u32>>>) -> String {
    let stock = stock.lock().await;
    stock.to_string()
}

async fn dump(diagnostics: &upbeat_http::Address, path: &str) -> String {
    let address = timeout(TEST_TIMEOUT, diagnostics.wait()).await.expect("it listens");
    let answer = Raw::connect(address).await.get(path).await;
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// The open work of a player.
async fn open(diagnostics: &upbeat_http::Address, path: &str, player: &str) -> Vec<Value> {
    let dump: Value = serde_json::from_str(&dump(diagnostics, path).await).expect("JSON");
    let players = dump["players"].as_array().expect("players");
    let player = players.iter().find(|seen| seen["path"] == player).expect("it plays");
    player["open"]["oldest"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_handler_blocked_on_a_lock_is_listed_with_age_and_line() {
    let stock = Arc::new(Mutex::new(7));
    let slow_body = get(async || {
        let (sender, body) = mpsc::channel::<Result<&'static str, std::io::Error>>(1);
        sender.send(Ok("begun")).await.expect("a reader");
        let body = Body::from_stream(futures_util::stream::unfold((sender, body), async |(sender, mut body)| {
            Some((body.recv().await?, (sender, body)))
        }));
        axum::response::Response::new(body)
    });
    let app = Router::new().route("/order", post(order)).route("/news", slow_body).with_state(stock.clone());
    let (web, diagnostics) = (HttpServer::bind("127.0.0.1:0", app), Diagnostics::bind("127.0.0.1:0"));
    let echo = TcpServer::bind("127.0.0.1:0", async |mut stream: upbeat_http::Socket, _: Context| {
        stream.read_u8().await.map(drop)
    });
    let (web_at, diagnostics_at, echo_at) = (web.address(), diagnostics.address(), echo.address());
    let shop = Conductor::new("shop").part(Part::new("diagnostics", diagnostics).first_and_last());
    let mut playing = start(shop.player("web", web).player("echo", echo));
    timeout(TEST_TIMEOUT, playing.handle.overview().wait_ready()).await.expect("it becomes ready");

    let held = stock.lock().await;
    let mut customer = Raw::connect(web_at.get().expect("it listens")).await;
    customer.send("POST /order?card=1234 HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n").await;
    let mut reader = Raw::connect(web_at.get().expect("it listens")).await;
    reader.send("GET /news HTTP/1.1\r\nhost: test\r\n\r\n").await;
    reader.until("begun").await;
    let caller = Raw::connect(echo_at.get().expect("it listens")).await;
    let asked = Instant::now();
    sleep(Duration::from_millis(50)).await;

    let open_now = until_there_are(2, &diagnostics_at, "shop/web").await;
    let by_name = |name: &str| open_now.iter().find(|work| work["name"] == name).expect("it is listed").clone();
    // Without the query, in which there are secrets.
    let posted = by_name("POST /order");
    let age = posted["age_secs"].as_f64().expect("an age");
    assert!(age >= 0.05 && age <= asked.elapsed().as_secs_f64() + 1.0, "{posted}");
    assert_eq!(posted["location"]["kind"], "waiting", "{posted}");
    let frames = posted["location"]["traces"][0].as_array().expect("frames").clone();
    let here = |frame: &&Value| frame["file"].as_str().is_some_and(|file| file.ends_with("dump.rs"));
    assert_eq!(frames.iter().rev().find(here).expect("a frame of this file")["line"], WAITS, "{posted}");
    // Its handler has answered, and what is left is the body.
    assert!(by_name("GET /news")["location"].is_null(), "{open_now:?}");
    let calls = until_there_are(1, &diagnostics_at, "shop/echo").await;
    assert!(calls[0]["name"].as_str().is_some_and(|name| name.starts_with("connection from 127.0.0.1:")), "{calls:?}");
    assert_eq!(calls[0]["location"]["kind"], "waiting");

    let listed = open(&diagnostics_at, "/players", "shop/web").await;
    assert!(listed.len() == 2 && listed.iter().all(|work| work["location"].is_null()), "{listed:?}");
    let text = dump(&diagnostics_at, "/dump?text").await;
    assert!(text.contains("open POST /order for") && text.contains(&format!("dump.rs:{WAITS}")), "{text}");

    drop(held);
    assert!(customer.answer().await.ends_with('7'));
    until_there_are(1, &diagnostics_at, "shop/web").await;
    drop((reader, caller));
    playing.stop();
    let _ = playing.report().await;
}

/// Asks until the player has so much open work: accepting and reading are the server's own pace.
async fn until_there_are(count: usize, diagnostics: &upbeat_http::Address, player: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let open = open(diagnostics, "/dump", player).await;
        if open.len() == count {
            return open;
        }
        assert!(begun.elapsed() < TEST_TIMEOUT, "{open:?}");
    }
}
