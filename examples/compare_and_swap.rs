//! Updates by compare-and-swap: whoever was overtaken tries again, with what is there now. Nobody waits, and nothing is lost.
//!
//! ```console
//! $ cargo run --example compare_and_swap
//! ```
//!
//! A number fits into an atomic, whose `try_update` is the loop. A structure does not: readers get an `Arc` of it that never changes, and an
//! update exchanges the whole, which is what the crate `arc-swap` is for. (With its plain `store` after a `load` updates would be
//! lost, as `counter.rs` shows.)

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

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

/// Updates by compare-and-swap: whoever was overtaken tries again, with what is there now.
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example compare_and_swap
  cargo run --example compare_and_swap -- --buyers 100 --seats 50      Half of them get none")]
struct Args {
    /// How many buy at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    buyers: u16,
    /// How many seats there are; each buyer tries to get as many
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seats: u64,
}

/// The box office: how many were sold in all is the sum of how many each buyer has, in every version of it.
#[derive(Clone, Default)]
struct Sales {
    all: u64,
    by_buyer: BTreeMap<u16, u64>,
}

impl Sales {
    /// What they are with one more. Called again for each attempt, so it only computes.
    fn and_one_for(&self, buyer: u16) -> Self {
        let mut sales = self.clone();
        sales.all += 1;
        *sales.by_buyer.entry(buyer).or_default() += 1;
        sales
    }
}

/// Takes one, unless there is none. Beside whether it did it says how many attempts that took.
fn take_one(left: &AtomicU64) -> (bool, u64) {
    let mut attempts = 0;
    let taken = left.try_update(Relaxed, Relaxed, |left| {
        attempts += 1;
        left.checked_sub(1)
    });
    (taken.is_ok(), attempts)
}

/// Records a sale, and says how many attempts that took. `before_swap` runs within each of them, for whoever wants to overtake it.
fn record(sales: &ArcSwap<Sales>, buyer: u16, before_swap: impl Fn(u64)) -> u64 {
    let mut attempts = 0;
    sales.rcu(|sales| {
        attempts += 1;
        let updated = sales.and_one_for(buyer);
        before_swap(attempts);
        updated
    });
    attempts
}

/// A buyer who is overtaken once, on purpose: the second attempt begins with what the other has written.
fn overtaken() -> String {
    let sales = ArcSwap::from_pointee(Sales::default());
    let attempts = record(&sales, 1, |attempt| {
        if attempt == 1 {
            record(&sales, 2, |_| {});
        }
    });
    let sales = sales.load();
    format!("overtaken on purpose: {attempts} attempts, {} sales, by buyer {:?}", sales.all, sales.by_buyer)
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

/// Looks at the sales while they change. What it has loaded stays what it is: it is never between two versions.
async fn reader(sales: Arc<ArcSwap<Sales>>, cx: Context) -> Result<u64, BoxError> {
    let mut looks = 0;
    loop {
        looks += 1;
        let seen = sales.load_full();
        if seen.all != seen.by_buyer.values().sum() {
            return Err(format!("{} seats, and by buyer {:?}", seen.all, seen.by_buyer).into());
        }
        if cx.error().is_some() {
            return Ok(looks);
        }
        yield_now().await;
    }
}

async fn sell(Args { buyers, seats }: Args, cx: Context) -> Result<(), BoxError> {
    println!("{}", overtaken());
    let (left, sales) = (Arc::new(AtomicU64::new(seats)), Arc::new(ArcSwap::from_pointee(Sales::default())));
    let reading = cx.child();
    let looks = cx.spawn("reader", reader(sales.clone(), reading.clone()));
    let group = Group::new(&cx);
    for number in 0..buyers {
        let (left, sales) = (left.clone(), sales.clone());
        group.spawn(format!("buyer {number}"), async move |_| Ok::<_, Infallible>(buyer(number, left, sales).await));
    }
    let Some(all) = cx.unless_stopping(group.wait()).await.transpose()? else { return Ok(()) };
    reading.cancel("all is sold");
    let looks = looks.await??;
    let (sold, attempts) = all.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    // Two updates for each seat, and for each buyer the one that found none left.
    let updates = 2 * sold + u64::from(buyers);
    println!("{sold} of {seats} seats sold, {} recorded, {} left", sales.load().all, left.load(Relaxed));
    println!("{updates} updates took {attempts} attempts; a reader looked {looks} times, and all versions added up");
    println!("try: --buyers 100");
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let selling = Part::new("selling", with(Args::parse(), sell)).job();
    Conductor::new("box-office").part(selling).play_until_signal().await
}
