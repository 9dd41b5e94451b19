//! Dining philosophers: each needs two forks, and shares each of them with a neighbor.
//!
//! ```console
//! $ cargo run --example philosophers                      # ordered: all eat
//! $ cargo run --example philosophers -- --how try-lock    # all eat, after failed attempts
//! $ cargo run --example philosophers -- --how deadlock    # all starve; the watchdog reports it
//! ```
//!
//! In the deadlock press Ctrl-C. The exit code is 0, because a stop drops the future that waits for
//! a fork. `deadlock.rs` has players that ignore the stop while they wait.

use std::{convert::Infallible, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use tokio::{
    sync::{Barrier, Mutex, MutexGuard},
    task::yield_now,
    time::sleep,
};
use upbeat::{Conductor, Context, Part, Report, score::OnUnresponsive, with};

/// Dining philosophers: each needs two forks, and shares each of them with a neighbor
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example philosophers -- --how ordered
  cargo run --example philosophers -- --how try-lock --philosophers 50
  cargo run --example philosophers -- --how deadlock      After 2 s the log has the location of each")]
struct Args {
    /// The way to take two forks
    #[arg(long, value_enum, default_value = "ordered")]
    how: How,
    /// Number of philosophers
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(2..=1_000))]
    philosophers: u16,
    /// Number of meals of each philosopher
    #[arg(long, default_value_t = 100)]
    meals: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    /// Left, then right; once all hold their left fork, none gets a right one
    Deadlock,
    /// The lower number first; the last philosopher takes the right fork first, so no cycle forms
    Ordered,
    /// Left, then right if it is free; if not, put the left one back and wait for a random time
    TryLock,
}

/// The number of times that a fork was used.
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
    /// Waits for both forks, and returns them with the number of attempts.
    async fn take_both(&self, cx: &Context) -> ([MutexGuard<'_, u64>; 2], u64) {
        let (left, right) = (&self.left.1, &self.right.1);
        match self.args.how {
            How::Deadlock => {
                let first = left.lock().await;
                // Makes the deadlock certain.
                self.all_have_one.wait().await;
                cx.set_status(format!("holding fork {}, waiting for fork {}", self.left.0, self.right.0));
                let second = right.lock().await;
                ([first, second], 1)
            }
            How::Ordered => {
                let [first, second] = if self.left.0 < self.right.0 { [left, right] } else { [right, left] };
                let first = first.lock().await;
                // Lets the neighbors take a fork, too.
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

/// Returns a random delay of at most 1 ms after the first attempt. The limit doubles with each
/// attempt, up to 16 ms. Without randomness neighbors would retry in step forever.
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
    let _log = upbeat_examples::log();
    let args = Args::parse();
    let seats = usize::from(args.philosophers);
    let forks: Vec<Fork> = (0..seats).map(|_| Fork::default()).collect();
    let all_have_one = Arc::new(Barrier::new(seats));
    if args.how == How::Deadlock {
        upbeat_examples::print(format_args!(
            "the watchdog reports after 2 s; then press Ctrl-C, or: kill -USR1 {}",
            std::process::id()
        ));
    }
    // An expected deadlock is only logged. An unexpected one fails the program.
    let (timeout, action) = match args.how {
        How::Deadlock => (Duration::from_secs(2), OnUnresponsive::Log),
        How::Ordered | How::TryLock => (Duration::from_secs(10), OnUnresponsive::Fail),
    };
    let mut table = Conductor::new("table");
    let pairs = forks.iter().cloned().enumerate().zip(forks.iter().cloned().enumerate().cycle().skip(1));
    for (left, right) in pairs {
        let name = format!("philosopher-{}", left.0);
        let seat = Seat { args, left, right, all_have_one: all_have_one.clone() };
        let part = Part::new(name, with(seat, philosopher)).job();
        table = table.part(part.watchdog(timeout, action));
    }
    let report = table.play_until_signal().await;
    let mut used = 0;
    for fork in forks {
        used += *fork.lock().await;
    }
    upbeat_examples::print(format_args!(
        "{seats} forks were used {used} times; try also: --how deadlock, --how try-lock"
    ));
    report
}
