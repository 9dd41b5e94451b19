//! A cache that loads a page once for all concurrent requests, also if the load fails, panics or is
//! dropped.
//!
//! ```console
//! $ cargo run --example cache
//! ```
//!
//! The cache is the crate `moka`, whose guarantees are shown here. In Go it would be a map with a
//! lock and `singleflight`.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use clap::Parser;
use moka::future::Cache;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use upbeat::{BoxError, Conductor, Context, Part, Report, task::Group, with};

/// A cache that loads a page once for all concurrent requests
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example cache
  cargo run --example cache -- --requests 50000")]
struct Args {
    /// Number of concurrent requests for the same page
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
}

/// The outcome of a load.
#[derive(Clone, Copy)]
enum Load {
    Works,
    Fails,
    Panics,
    Hangs,
}

/// Pages by name, and the number of loads.
#[derive(Clone)]
struct Pages {
    cache: Cache<&'static str, Arc<str>>,
    loads: Arc<AtomicU64>,
    loading: Arc<Notify>,
}

impl Pages {
    fn new() -> Self {
        // A cache without a bound is a leak.
        let cache = Cache::builder().max_capacity(1_000).time_to_live(Duration::from_mins(1)).build();
        Self { cache, loads: Arc::default(), loading: Arc::default() }
    }

    /// Returns a page from the cache, or loads it. Requests during a load wait for that load.
    async fn get(&self, name: &'static str, load: Load) -> Result<Arc<str>, Arc<io::Error>> {
        self.cache.try_get_with(name, self.load(name, load)).await
    }

    async fn load(&self, name: &'static str, load: Load) -> io::Result<Arc<str>> {
        self.loads.fetch_add(1, Relaxed);
        self.loading.notify_one();
        sleep(Duration::from_millis(20)).await;
        match load {
            Load::Works => Ok(format!("the page `{name}`").into()),
            Load::Fails => Err(io::Error::other("disk failure")),
            Load::Panics => panic!("a bug in the loader"),
            Load::Hangs => pending().await,
        }
    }

    fn loads(&self) -> u64 {
        self.loads.load(Relaxed)
    }
}

async fn concurrent_requests(requests: u32, cx: &Context) -> Result<(), BoxError> {
    let (pages, group) = (Pages::new(), Group::new(cx));
    for number in 0..requests {
        let pages = pages.clone();
        group.spawn(format!("request {number}"), async move |_| pages.get("home", Load::Works).await);
    }
    let answers = group.wait().await?;
    upbeat_examples::print(format_args!("{} concurrent requests: {} load", answers.len(), pages.loads()));
    Ok(())
}

async fn failed_load() -> Result<(), BoxError> {
    let pages = Pages::new();
    if let Err(error) = pages.get("news", Load::Fails).await {
        upbeat_examples::print(format_args!("a load fails: {error}"));
    }
    let page = pages.get("news", Load::Works).await?;
    upbeat_examples::print(format_args!("  the next request gets {page}: {} loads", pages.loads()));
    Ok(())
}

async fn panicked_load(cx: &Context) -> Result<(), BoxError> {
    let (pages, group) = (Pages::new(), Group::new(cx).collect_all());
    let request = |load| {
        let pages = pages.clone();
        async move |_| pages.get("shop", load).await
    };
    group.spawn("first", request(Load::Panics));
    pages.loading.notified().await;
    group.spawn("second", request(Load::Works));
    let Err(error) = group.wait().await else { return Err("the load did not panic".into()) };
    upbeat_examples::print(format_args!("a load panics: {}", upbeat_examples::with_causes(&error)));
    if let Some(page) = error.values().iter().flatten().next() {
        upbeat_examples::print(format_args!("  the waiting request gets {page}: {} loads", pages.loads()));
    }
    Ok(())
}

async fn dropped_load() -> Result<(), BoxError> {
    let pages = Pages::new();
    let first = timeout(Duration::from_millis(50), pages.get("about", Load::Hangs));
    let (first, second) = tokio::join!(first, pages.get("about", Load::Works));
    if let Err(elapsed) = first {
        upbeat_examples::print(format_args!("a load is dropped: {elapsed}"));
    }
    upbeat_examples::print(format_args!("  the waiting request gets {}: {} loads", second?, pages.loads()));
    Ok(())
}

async fn show(args: Args, cx: Context) -> Result<(), BoxError> {
    let all = async {
        concurrent_requests(args.requests, &cx).await?;
        failed_load().await?;
        panicked_load(&cx).await?;
        dropped_load().await?;
        upbeat_examples::print(format_args!("try: --requests 50000"));
        Ok(())
    };
    cx.unless_stopping(all).await.unwrap_or(Ok(()))
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let showing = Part::new("pages", with(Args::parse(), show)).job();
    Conductor::new("cache").part(showing).play_until_signal().await
}
