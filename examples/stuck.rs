//! Three players that do not stop, each for another reason, and one that does.
//!
//! ```console
//! $ cargo run --example stuck
//! ```
//!
//! Press Ctrl-C. The stop timeout is 3 s. At most two seconds later the process exits with code
//! 124. The report names each stuck player, and the line at which it is suspended.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Notify;
use upbeat::{Conductor, Context, Part, Report};

const GRACE: Duration = Duration::from_secs(3);

/// Stops on request.
async fn graceful(cx: Context) -> Result<(), Infallible> {
    cx.stopping().await;
    cx.set_status("flushing");
    Ok(())
}

/// Waits for a notification that never comes, and ignores the stop request meanwhile.
async fn waiting(cx: Context) -> Result<(), Infallible> {
    let answer = Arc::new(Notify::new());
    cx.set_status("waiting for an answer");
    answer.notified().await;
    Ok(())
}

/// Computes without an `await`. It cannot be aborted, and occupies a worker of the runtime.
async fn spinning(cx: Context) -> Result<(), Infallible> {
    // The first poll returns, so that the player becomes ready. The second one never does.
    tokio::task::yield_now().await;
    let mut sum = 0_u64;
    while sum != u64::MAX {
        sum = std::hint::black_box(sum.wrapping_add(2));
    }
    drop(cx);
    Ok(())
}

/// Waits for a blocking thread that never returns. An abort of the player does not end the thread.
async fn blocking(_: Context) -> Result<(), tokio::task::JoinError> {
    let park_forever = || {
        loop {
            std::thread::park();
        }
    };
    tokio::task::spawn_blocking(park_forever).await
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    upbeat_examples::print(format_args!(
        "playing; now press Ctrl-C, or: kill -TERM {0}   (kill -USR1 {0} logs the location of each player)",
        std::process::id()
    ));
    let workers =
        Conductor::new("workers").player("waiting", waiting).player("spinning", spinning).player("blocking", blocking);
    Conductor::new("shop")
        .player("graceful", graceful)
        .part(Part::new("workers", workers))
        .stop_timeout(GRACE)
        .play_until_signal()
        .await
}
