//! Two players that take the same two locks in opposite order, and a watchdog that notices.
//!
//! ```console
//! $ cargo run --example deadlock
//! ```
//!
//! After two seconds without a sign of life the log names both, each with the line on which it waits for the other. Press Ctrl-C.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Mutex;
use upbeat::{Conductor, Context, Part, Report, score::OnUnresponsive, with};

/// Two accounts, each behind a lock of its own.
#[derive(Clone, Default)]
struct Bank {
    checking: Arc<Mutex<u64>>,
    savings: Arc<Mutex<u64>>,
}

/// Long enough for the other to take its first lock.
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
    upbeat_examples::log();
    println!("playing; the watchdog speaks after 2 s; then press Ctrl-C, or: kill -TERM {}", std::process::id());
    let bank = Bank::default();
    let watched = |part: Part| part.watchdog(Duration::from_secs(2), OnUnresponsive::Log);
    Conductor::new("bank")
        .part(watched(Part::new("deposits", with(bank.clone(), deposits))))
        .part(watched(Part::new("withdrawals", with(bank, withdrawals))))
        .stop_timeout(Duration::from_secs(1))
        .play_until_signal()
        .await
}
