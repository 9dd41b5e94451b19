//! A cache that loads once, however many ask: and what becomes of those who wait when the load fails, panics, or is dropped.
//!
//! ```console
//! $ cargo run --example cache
//! ```
//!
//! The cache is the crate `moka`; in Go it would be a map with a lock and `singleflight`. What is shown here are its promises.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

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

/// A cache that loads once, however many ask.
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example cache
  cargo run --example cache -- --requests 50000")]
struct Args {
    /// How many ask for the same page at the same time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    requests: u32,
}

/// What becomes of a load.
#[derive(Clone, Copy)]
enum Load {
    Works,
    Fails,
    Panics,
    Hangs,
}

/// Pages by their name, and how often one was loaded.
#[derive(Clone)]
struct Pages {
    cache: Cache<&'static str, Arc<str>>,
    loads: Arc<AtomicU64>,
    loading: Arc<Notify>,
}

impl Pages {
    fn new() -> Self {
        // Without a bound it would be a leak.
        let cache = Cache::builder().max_capacity(1_000).time_to_live(Duration::from_mins(1)).build();
        Self { cache, loads: Arc::default(), loading: Arc::default() }
    }

    /// A page from the cache, or loaded. Who asks while it is being loaded waits for that load.
    async fn get(&self, name: &'static str, load: Load) -> Result<Arc<str>, Arc<io::Error>> {
        self.cache.try_get_with(name, self.load(name, load)).await
    }

    async fn load(&self, name: &'static str, load: Load) -> io::Result<Arc<str>> {
        self.loads.fetch_add(1, Relaxed);
        self.loading.notify_one();
        sleep(Duration::from_millis(20)).await;
        match load {
            Load::Works => Ok(format!("the page `{name}`").into()),
            Load::Fails => Err(io::Error::other("the disk is on fire")),
            Load::Panics => panic!("a bug in the loader"),
            Load::Hangs => pending().await,
        }
    }

    fn loads(&self) -> u64 {
        self.loads.load(Relaxed)
    }
}

async fn many_at_once(requests: u32, cx: &Context) -> Result<(), BoxError> {
    let (pages, group) = (Pages::new(), Group::new(cx));
    for number in 0..requests {
        let pages = pages.clone();
        group.spawn(format!("request {number}"), async move |_| pages.get("home", Load::Works).await);
    }
    let answers = group.wait().await?;
    println!("{} requests at once: loads {}", answers.len(), pages.loads());
    Ok(())
}

async fn errors_are_not_kept() -> Result<(), BoxError> {
    let pages = Pages::new();
    if let Err(error) = pages.get("news", Load::Fails).await {
        println!("a load fails: {error}");
    }
    let page = pages.get("news", Load::Works).await?;
    println!("  who asks again gets {page}: loads {}", pages.loads());
    Ok(())
}

async fn a_panic_is_one_callers(cx: &Context) -> Result<(), BoxError> {
    let (pages, group) = (Pages::new(), Group::new(cx).collect_all());
    let ask = |load| {
        let pages = pages.clone();
        async move |_| pages.get("shop", load).await
    };
    group.spawn("first", ask(Load::Panics));
    pages.loading.notified().await;
    group.spawn("second", ask(Load::Works));
    let Err(error) = group.wait().await else { return Err("the load did not panic".into()) };
    println!("a load panics: {error}");
    if let Some(page) = error.values().iter().flatten().next() {
        println!("  who waited for it gets {page}: loads {}", pages.loads());
    }
    Ok(())
}

async fn a_load_that_is_dropped() -> Result<(), BoxError> {
    let pages = Pages::new();
    let first = timeout(Duration::from_millis(50), pages.get("about", Load::Hangs));
    let (first, second) = tokio::join!(first, pages.get("about", Load::Works));
    if let Err(elapsed) = first {
        println!("a load is dropped: {elapsed}");
    }
    println!("  who waited for it gets {}: loads {}", second?, pages.loads());
    Ok(())
}

async fn show(args: Args, cx: Context) -> Result<(), BoxError> {
    let all = async {
        many_at_once(args.requests, &cx).await?;
        errors_are_not_kept().await?;
        a_panic_is_one_callers(&cx).await?;
        a_load_that_is_dropped().await?;
        println!("try: --requests 50000");
        Ok(())
    };
    cx.unless_stopping(all).await.unwrap_or(Ok(()))
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let showing = Part::new("pages", with(Args::parse(), show)).job();
    Conductor::new("cache").part(showing).play_until_signal().await
}
