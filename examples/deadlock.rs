//! Two players that take the same two locks in opposite order, and a watchdog that reports it.
//!
//! ```console
//! $ cargo run --example deadlock
//! ```
//!
//! After two seconds without a heartbeat, the log names both players with the line at which each is
//! suspended. Press Ctrl-C.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Mutex;
use upbeat::{Conductor, Context, Part, Report, score::OnUnresponsive, with};

/// Two accounts, each with its own lock.
#[derive(Clone, Default)]
struct Bank {
    checking: Arc<Mutex<u64>>,
    savings: Arc<Mutex<u64>>,
}

/// The time between two locks, in which the other player takes its first lock.
const PAUSE: Duration = Duration::from_millis(10);

async fn deposits(bank: Bank, cx: Context) -> Result<(), Infallible> {
    loop {
        cx.heartbeat();
        let _checking = bank.checking.lock().await;
        tokio::time::sleep(PAUSE).await;
        let _savings = bank.savings.lock().await;
    }
}

async fn withdrawals(bank: Bank, cx: Context) -> Result<(), Infallible> {
    loop {
        cx.heartbeat();
        let _savings = bank.savings.lock().await;
        tokio::time::sleep(PAUSE).await;
        let _checking = bank.checking.lock().await;
    }
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    upbeat_examples::print(format_args!(
        "playing; the watchdog reports after 2 s; then press Ctrl-C, or: kill -TERM {}",
        std::process::id()
    ));
    let bank = Bank::default();
    let watched = |part: Part| part.watchdog(Duration::from_secs(2), OnUnresponsive::Log);
    Conductor::new("bank")
        .part(watched(Part::new("deposits", with(bank.clone(), deposits))))
        .part(watched(Part::new("withdrawals", with(bank, withdrawals))))
        .stop_timeout(Duration::from_secs(1))
        .play_until_signal()
        .await
}
