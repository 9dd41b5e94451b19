//! Who holds the door: a program with three players that do not stop, each in a way of its own, and one that does.
//!
//! ```console
//! $ cargo run --example stuck
//! ```
//!
//! Press Ctrl-C. The stop may take 3 s; two seconds later at most the process is gone, with exit code 124, and has told who was
//! stuck, and where.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Notify;
use upbeat::{Conductor, Context, Part, Report};

const GRACE: Duration = Duration::from_secs(3);

/// Does what it is asked to.
async fn polite(cx: Context) -> Result<(), Infallible> {
    cx.stopping().await;
    cx.set_status("saying goodbye");
    Ok(())
}

/// Waits for something that never comes, and does not look at the stop meanwhile.
async fn deaf(cx: Context) -> Result<(), Infallible> {
    let answer = Arc::new(Notify::new());
    cx.set_status("asking the oracle");
    answer.notified().await;
    Ok(())
}

/// Computes without an `await`: it cannot be stopped, and keeps a worker of the runtime for itself.
async fn spinning(cx: Context) -> Result<(), Infallible> {
    // Ready first, and then gone for good.
    tokio::task::yield_now().await;
    let mut sum = 0_u64;
    while sum != u64::MAX {
        sum = std::hint::black_box(sum.wrapping_add(2));
    }
    drop(cx);
    Ok(())
}

/// Waits for a blocking thread that never comes back. Aborting the player does not end the thread.
async fn blocking(_: Context) -> Result<(), tokio::task::JoinError> {
    let sleep_for_ever = || {
        loop {
            std::thread::park();
        }
    };
    tokio::task::spawn_blocking(sleep_for_ever).await
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    println!(
        "playing; now press Ctrl-C, or: kill -TERM {0}   (kill -USR1 {0} tells where everybody waits)",
        std::process::id()
    );
    let workers =
        Conductor::new("workers").player("deaf", deaf).player("spinning", spinning).player("blocking", blocking);
    Conductor::new("shop")
        .player("polite", polite)
        .part(Part::new("workers", workers))
        .stop_timeout(GRACE)
        .play_until_signal()
        .await
}
