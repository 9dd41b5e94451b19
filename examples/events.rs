//! Handlers that spawn work and respond at once, and a stop that finishes the work or reports it as
//! lost.
//!
//! ```console
//! $ cargo run --example events
//! $ curl -X POST 'http://127.0.0.1:8080/events?count=10000'
//! ```
//!
//! Each event takes a millisecond, and at most sixteen run at a time. Press Ctrl-C while events are
//! pending: the server stops first, then the tracker finishes all accepted events. With a stop
//! timeout that is too short, `cargo run --example events -- 300` (milliseconds), the report counts
//! and names the lost events, and the exit code is 124.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::post,
};
use upbeat::{Conductor, Part, Report, task::Tracker};
use upbeat_http::HttpServer;

#[derive(Clone)]
struct Shop {
    tracker: Tracker,
    done: Arc<AtomicU64>,
}

#[derive(serde::Deserialize)]
struct Order {
    count: u32,
}

async fn events(State(shop): State<Shop>, Query(order): Query<Order>) -> (StatusCode, String) {
    for number in 0..order.count {
        let done = shop.done.clone();
        let event = async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            done.fetch_add(1, Relaxed);
        };
        if let Err(closed) = shop.tracker.track(format!("event {number}"), event) {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{number} events accepted, the others rejected: {closed}\n"),
            );
        }
    }
    (StatusCode::ACCEPTED, format!("accepted {} events\n", order.count))
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let grace = std::env::args().nth(1).and_then(|grace| grace.parse().ok()).unwrap_or(10_000);
    let shop = Shop { tracker: Tracker::builder().max_running(16).build(), done: Arc::default() };
    let app = Router::new().route("/events", post(events)).with_state(shop.clone());
    // Tests use port 0, for which the system chooses a free port.
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    upbeat_examples::print(format_args!("try: curl -X POST 'http://{address}/events?count=10000', and then Ctrl-C"));
    let report = Conductor::new("shop")
        .player("tracker", shop.tracker)
        .part(Part::new("web", HttpServer::bind(address, app)).after("tracker"))
        .stop_timeout(Duration::from_millis(grace))
        .play_until_signal()
        .await;
    upbeat_examples::print(format_args!("{} events done", shop.done.load(Relaxed)));
    report
}
