//! Dining philosophers: each needs the two forks beside him, and shares either with a neighbour. They starve, or they do not.
//!
//! ```console
//! $ cargo run --example philosophers                      # ordered: nobody starves
//! $ cargo run --example philosophers -- --how try-lock    # nobody starves, at the price of attempts that fail
//! $ cargo run --example philosophers -- --how deadlock    # all starve, and the watchdog says who waits where
//! ```
//!
//! In the deadlock press Ctrl-C. The process ends with 0, because waiting for a fork is a future, and one that is dropped waits no longer.
//! `deadlock.rs` shows what becomes of players that wait without looking at the stop.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::{convert::Infallible, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use tokio::{
    sync::{Barrier, Mutex, MutexGuard},
    task::yield_now,
    time::sleep,
};
use upbeat::{Conductor, Context, Part, Report, score::OnUnresponsive, with};

/// Dining philosophers: each needs the two forks beside him, and shares either with a neighbour.
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example philosophers -- --how ordered
  cargo run --example philosophers -- --how try-lock --philosophers 50
  cargo run --example philosophers -- --how deadlock      After 2 s the log says who waits where")]
struct Args {
    /// How a philosopher takes his two forks
    #[arg(long, value_enum, default_value = "ordered")]
    how: How,
    /// How many sit at the table
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    philosophers: u16,
    /// How often each of them eats
    #[arg(long, default_value_t = 100)]
    meals: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Left, then right: once all hold their left one, nobody gets a right one
    Deadlock,
    /// The one with the lower number first: the last philosopher takes his right one first, so there is no circle
    Ordered,
    /// Left, then right if it is free; if not, puts the left one back and waits a while, by chance
    TryLock,
}

/// Counts how often it was used.
type Fork = Arc<Mutex<u64>>;

/// A philosopher's place at the table.
#[derive(Clone)]
struct Seat {
    args: Args,
    left: (usize, Fork),
    right: (usize, Fork),
    all_have_one: Arc<Barrier>,
}

impl Seat {
    /// Waits for both forks, and says how many attempts that took.
    async fn take_both(&self, cx: &Context) -> ([MutexGuard<'_, u64>; 2], u64) {
        let (left, right) = (&self.left.1, &self.right.1);
        match self.args.how {
            How::Deadlock => {
                let first = left.lock().await;
                // Bad luck, made certain.
                self.all_have_one.wait().await;
                cx.set_status(format!("holding fork {}, waiting for fork {}", self.left.0, self.right.0));
                let second = right.lock().await;
                ([first, second], 1)
            }
            How::Ordered => {
                let [first, second] = if self.left.0 < self.right.0 { [left, right] } else { [right, left] };
                let first = first.lock().await;
                // Time enough for the neighbours to take one, too.
                yield_now().await;
                ([first, second.lock().await], 1)
            }
            How::TryLock => {
                let mut attempt = 1;
                loop {
                    let first = left.lock().await;
                    yield_now().await;
                    if let Ok(second) = right.try_lock() {
                        return ([first, second], attempt);
                    }
                    drop(first);
                    sleep(backoff(attempt)).await;
                    attempt += 1;
                }
            }
        }
    }
}

/// Up to 1 ms after the first attempt, then up to twice as long each time, at most 16 ms. By chance, or neighbours would go on in step for ever.
fn backoff(attempt: u64) -> Duration {
    Duration::from_millis(1 << attempt.saturating_sub(1).min(4)).mul_f64(fastrand::f64())
}

async fn philosopher(seat: Seat, cx: Context) -> Result<(), Infallible> {
    let mut failed = 0;
    for _ in 0..seat.args.meals {
        let Some((mut forks, attempts)) = cx.unless_stopping(seat.take_both(&cx)).await else { return Ok(()) };
        failed += attempts - 1;
        for fork in &mut forks {
            **fork += 1;
        }
        sleep(Duration::from_millis(1)).await;
        cx.progress(1);
    }
    cx.note(format_args!("ate {} times, after {failed} failed attempts", seat.args.meals));
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let args = Args::parse();
    let seats = usize::from(args.philosophers);
    let forks: Vec<Fork> = (0..seats).map(|_| Fork::default()).collect();
    let all_have_one = Arc::new(Barrier::new(seats));
    if args.how == How::Deadlock {
        println!("the watchdog speaks after 2 s; then press Ctrl-C, or: kill -USR1 {}", std::process::id());
    }
    // Whoever expects a deadlock lets the watchdog tell; whoever does not, has it end the program.
    let (silence, action) = match args.how {
        How::Deadlock => (Duration::from_secs(2), OnUnresponsive::Log),
        How::Ordered | How::TryLock => (Duration::from_secs(10), OnUnresponsive::Fail),
    };
    let mut table = Conductor::new("table");
    let pairs = forks.iter().cloned().enumerate().zip(forks.iter().cloned().enumerate().cycle().skip(1));
    for (left, right) in pairs {
        let name = format!("philosopher-{}", left.0);
        let seat = Seat { args, left, right, all_have_one: all_have_one.clone() };
        let part = Part::new(name, with(seat, philosopher)).job();
        table = table.part(part.watchdog(silence, action));
    }
    let report = table.play_until_signal().await;
    let mut used = 0;
    for fork in forks {
        used += *fork.lock().await;
    }
    println!("{seats} forks were used {used} times; try also: --how deadlock, --how try-lock");
    report
}
