//! A simulated network with a server in it.

use std::{
    env,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use tokio::time::sleep;
use turmoil::{Builder, Sim};
use upbeat::{Conductor, Part, Report};
use upbeat_http::HttpServer;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const S: Duration = Duration::from_secs(1);

/// The first seed of each scenario, unless `UPBEAT_SEED` says otherwise.
const FIRST: u64 = 1;

/// The number of seeds per scenario. `UPBEAT_NETWORK_SEEDS` overrides it.
const SEEDS: u64 = 5;

/// The time that `/slow` takes.
pub(crate) const SLOW: Duration = Duration::from_secs(5);

/// Runs a scenario with many seeds, or only with that in `UPBEAT_NETWORK_SEED`.
///
/// Messages take up to `latency`.
pub(crate) fn explore(latency: Duration, scenario: impl Fn(Sim<'_>)) {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("UPBEAT_NETWORK_SEED") {
        Some(seed) => seed..=seed,
        None => {
            let first = number("UPBEAT_SEED").unwrap_or(FIRST);
            first..=first.saturating_add(number("UPBEAT_NETWORK_SEEDS").unwrap_or(SEEDS) - 1)
        }
    };
    for seed in seeds {
        println!("UPBEAT_NETWORK_SEED={seed}");
        fastrand::seed(seed);
        let sim = Builder::new()
            .rng_seed(seed)
            .enable_random_order()
            .min_message_latency(MS)
            .max_message_latency(latency)
            .simulation_duration(S * 120)
            .tcp_capacity(64)
            .build();
        scenario(sim);
    }
}

/// The report of the server's conductor, once it has ended.
pub(crate) type Reported = Arc<Mutex<Option<Report>>>;

/// Adds a host named `server` that serves until `stop_after` and then drains for up to
/// `drain_timeout`.
///
/// The simulation runs until the host has reported.
pub(crate) fn serve(sim: &mut Sim<'_>, stop_after: Duration, drain_timeout: Duration) -> Reported {
    let reported = Reported::default();
    let report = reported.clone();
    sim.host("server", move || {
        let report = report.clone();
        async move {
            let ended = conductor(drain_timeout).play_until(sleep(stop_after)).await;
            *report.lock().unwrap() = Some(ended);
            // A host that has ended would not refuse connections.
            std::future::pending().await
        }
    });
    let report = reported.clone();
    sim.client("observer", async move {
        while report.lock().unwrap().is_none() {
            sleep(MS * 10).await;
        }
        Ok(())
    });
    reported
}

pub(crate) fn conductor(drain_timeout: Duration) -> Conductor {
    let router = Router::new()
        .route("/", get(async || "hello"))
        .route(
            "/slow",
            get(async || {
                sleep(SLOW).await;
                "slow, but here"
            }),
        )
        .route("/large", get(async || "y".repeat(8 << 20)))
        .route("/upload", post(async |body: Bytes| format!("{} bytes", body.len())));
    let web = HttpServer::bind(format!("{}:80", Ipv4Addr::UNSPECIFIED), router).drain_timeout(drain_timeout);
    Conductor::new("shop").stop_timeout(S * 60).part(Part::new("web", web))
}
