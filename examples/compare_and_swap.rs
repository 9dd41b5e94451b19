//! Updates by compare-and-swap. If another update comes first, the update is retried with the new
//! value. No task waits for a lock, and no update is lost.
//!
//! ```console
//! $ cargo run --example compare_and_swap
//! ```
//!
//! A number fits into an atomic, whose `try_update` retries. A structure does not: readers get an
//! `Arc` of it that never changes, and an update replaces the whole structure by means of the crate
//! `arc-swap`. A `store` after a `load` would lose updates, as `counter.rs` shows.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;
use clap::Parser;
use tokio::task::yield_now;
use upbeat::{BoxError, Conductor, Context, Part, Report, task::Group, with};

/// Updates by compare-and-swap, which are retried if another update comes first
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example compare_and_swap
  cargo run --example compare_and_swap -- --buyers 100 --seats 50      Half of the buyers get none")]
struct Args {
    /// Number of concurrent buyers
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    buyers: u16,
    /// Number of seats; each buyer tries to buy all of them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seats: u64,
}

/// The sales of a box office. In each version `all` is the sum of the seats of all buyers.
#[derive(Clone, Default)]
struct Sales {
    all: u64,
    by_buyer: BTreeMap<u16, u64>,
}

impl Sales {
    /// Returns the sales with one more. It is called for each attempt, so it has no side effects.
    fn with_one_for(&self, buyer: u16) -> Self {
        let mut sales = self.clone();
        sales.all += 1;
        *sales.by_buyer.entry(buyer).or_default() += 1;
        sales
    }
}

/// Takes a seat if one is left. Returns whether it took one, and the number of attempts.
fn take_one(left: &AtomicU64) -> (bool, u64) {
    let mut attempts = 0;
    let taken = left.try_update(Relaxed, Relaxed, |left| {
        attempts += 1;
        left.checked_sub(1)
    });
    (taken.is_ok(), attempts)
}

/// Records a sale and returns the number of attempts. `before_swap` is called in each attempt, and
/// may update the sales first.
fn record(sales: &ArcSwap<Sales>, buyer: u16, before_swap: impl Fn(u64)) -> u64 {
    let mut attempts = 0;
    sales.rcu(|sales| {
        attempts += 1;
        let updated = sales.with_one_for(buyer);
        before_swap(attempts);
        updated
    });
    attempts
}

/// Records a sale during the first attempt of another one. The second attempt then starts from the
/// version with the first sale.
fn forced_retry() -> String {
    let sales = ArcSwap::from_pointee(Sales::default());
    let attempts = record(&sales, 1, |attempt| {
        if attempt == 1 {
            record(&sales, 2, |_| {});
        }
    });
    let sales = sales.load();
    format!("forced retry: {attempts} attempts, {} sales, by buyer {:?}", sales.all, sales.by_buyer)
}

async fn buyer(number: u16, left: Arc<AtomicU64>, sales: Arc<ArcSwap<Sales>>) -> (u64, u64) {
    let (mut sold, mut attempts) = (0, 0);
    loop {
        let (taken, tried) = take_one(&left);
        if !taken {
            return (sold, attempts + tried);
        }
        sold += 1;
        attempts += tried + record(&sales, number, |_| {});
        yield_now().await;
    }
}

/// Reads the sales while they change. Each version that it reads is consistent and never changes.
async fn reader(sales: Arc<ArcSwap<Sales>>, cx: Context) -> Result<u64, BoxError> {
    let mut reads = 0;
    loop {
        reads += 1;
        let version = sales.load_full();
        if version.all != version.by_buyer.values().sum() {
            return Err(format!("inconsistent sales: {} seats, by buyer {:?}", version.all, version.by_buyer).into());
        }
        if cx.error().is_some() {
            return Ok(reads);
        }
        yield_now().await;
    }
}

async fn sell(Args { buyers, seats }: Args, cx: Context) -> Result<(), BoxError> {
    upbeat_examples::print(format_args!("{}", forced_retry()));
    let (left, sales) = (Arc::new(AtomicU64::new(seats)), Arc::new(ArcSwap::from_pointee(Sales::default())));
    let reading = cx.child();
    let reads = cx.spawn("reader", reader(sales.clone(), reading.clone()));
    let group = Group::new(&cx);
    for number in 0..buyers {
        let (left, sales) = (left.clone(), sales.clone());
        group.spawn(format!("buyer {number}"), async move |_| Ok::<_, Infallible>(buyer(number, left, sales).await));
    }
    let Some(all) = cx.unless_stopping(group.wait()).await.transpose()? else { return Ok(()) };
    reading.cancel("all seats are sold");
    let reads = reads.await??;
    let (sold, attempts) = all.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    // Two updates for each seat, and one for each buyer that finds none left.
    let updates = 2 * sold + u64::from(buyers);
    upbeat_examples::print(format_args!(
        "{sold} of {seats} seats sold, {} recorded, {} left",
        sales.load().all,
        left.load(Relaxed)
    ));
    upbeat_examples::print(format_args!(
        "{updates} updates took {attempts} attempts; all {reads} versions that were read are consistent"
    ));
    upbeat_examples::print(format_args!("try: --buyers 100"));
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let selling = Part::new("selling", with(Args::parse(), sell)).job();
    Conductor::new("box-office").part(selling).play_until_signal().await
}
