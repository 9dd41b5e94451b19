//! Concurrent transfers between accounts, and an auditor that adds up all balances meanwhile.
//!
//! ```console
//! $ cargo run --example bank                           # each audit finds all the money
//! $ cargo run --example bank -- --how one-at-a-time    # wrong: an audit fails, and the program
//! ```
//!
//! Transfers and the auditor lock the accounts in the order of their numbers, so they cannot
//! deadlock. `deadlock.rs` shows the opposite.

use std::{convert::Infallible, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::yield_now,
};
use upbeat::{BoxError, Conductor, Context, Part, Report, score::OnUnresponsive, task::Group, with};

/// The initial balance of each account, in cents.
const OPENING: u64 = 1_000;

/// Concurrent transfers between accounts, and an auditor that adds up all balances meanwhile
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example bank
  cargo run --example bank -- --accounts 2 --tellers 100    All tellers need the same two locks
  cargo run --example bank -- --how one-at-a-time           Wrong: the auditor fails, exit code 1")]
struct Args {
    /// The order in which a transfer locks its two accounts
    #[arg(long, value_enum, default_value = "ordered")]
    how: How,
    /// Number of accounts
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    accounts: u16,
    /// Number of concurrent tellers
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    tellers: u16,
    /// Number of transfers of each teller
    #[arg(long, default_value_t = 5_000)]
    transfers: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Both at once, the lower number first
    Ordered,
    /// Wrong: one after the other, so that the money is in neither account for a moment
    OneAtATime,
}

/// The balances of the accounts in cents, by number.
#[derive(Clone)]
struct Bank {
    args: Args,
    accounts: Arc<[Mutex<u64>]>,
}

impl Bank {
    fn open(args: Args) -> Self {
        Self { args, accounts: (0..args.accounts).map(|_| Mutex::new(OPENING)).collect() }
    }

    /// Locks two different accounts, and returns the guards in the order of the arguments.
    async fn lock_both(&self, from: usize, to: usize) -> (MutexGuard<'_, u64>, MutexGuard<'_, u64>) {
        let first = self.accounts[from.min(to)].lock().await;
        let second = self.accounts[from.max(to)].lock().await;
        if from < to { (first, second) } else { (second, first) }
    }

    /// Transfers an amount. Returns `false` if the balance is too low.
    async fn transfer(&self, from: usize, to: usize, cents: u64) -> bool {
        match self.args.how {
            How::Ordered => {
                let (mut from, mut to) = self.lock_both(from, to).await;
                let Some(rest) = from.checked_sub(cents) else { return false };
                *from = rest;
                // A real bank would write a journal here. Other tasks run meanwhile, but cannot
                // read these two accounts.
                yield_now().await;
                *to += cents;
            }
            How::OneAtATime => {
                {
                    let mut from = self.accounts[from].lock().await;
                    let Some(rest) = from.checked_sub(cents) else { return false };
                    *from = rest;
                }
                yield_now().await;
                *self.accounts[to].lock().await += cents;
            }
        }
        true
    }

    /// Returns the sum of all balances at one instant, for which all accounts are locked in order.
    async fn total(&self) -> u64 {
        let mut locked = Vec::with_capacity(self.accounts.len());
        for account in &*self.accounts {
            locked.push(account.lock().await);
        }
        locked.iter().map(|balance| **balance).sum()
    }
}

/// Makes random transfers until all are made or a stop is requested. Returns the numbers of
/// completed and rejected transfers.
async fn teller(bank: Bank, cx: Context) -> Result<[u64; 2], Infallible> {
    let (accounts, mut outcomes) = (bank.accounts.len(), [0, 0]);
    for _ in 0..bank.args.transfers {
        if cx.is_stopping() {
            break;
        }
        let from = fastrand::usize(..accounts);
        let to = (from + fastrand::usize(1..accounts)) % accounts;
        let made = bank.transfer(from, to, fastrand::u64(1..=OPENING / 10)).await;
        outcomes[usize::from(!made)] += 1;
        cx.progress(1);
    }
    Ok(outcomes)
}

async fn tellers(bank: Bank, cx: Context) -> Result<(), BoxError> {
    // A teller completes its transfer and then returns by itself. The stop must not cancel the
    // group, so the group gets a context that is cancelled at the deadline.
    let group = Group::new(&cx.until_deadline());
    for number in 0..bank.args.tellers {
        let bank = bank.clone();
        group.spawn(format!("teller {number}"), move |cx| teller(bank, cx));
    }
    let [made, rejected] = group.wait().await?.into_iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    cx.note(format_args!("{made} transfers made, {rejected} rejected as the balance was too low"));
    Ok(())
}

/// Adds up repeatedly, and fails if money is missing, which stops the tellers.
async fn auditor(bank: Bank, cx: Context) -> Result<(), BoxError> {
    let all = u64::from(bank.args.accounts) * OPENING;
    for audit in 1_u64.. {
        let last = cx.is_stopping();
        let found = bank.total().await;
        if found != all {
            return Err(format!("audit {audit} found {found} of {all} cents").into());
        }
        cx.progress(1);
        if last {
            cx.note(format_args!("{audit} audits, each found all {all} cents"));
            break;
        }
        yield_now().await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    let _log = upbeat_examples::log();
    let bank = Bank::open(Args::parse());
    // No task waits for long, unless there is a deadlock. The report then has the location of each.
    let watched = |part: Part| part.watchdog(Duration::from_secs(10), OnUnresponsive::Fail);
    upbeat_examples::print(format_args!("try also: --how one-at-a-time, or: --accounts 2 --tellers 100"));
    Conductor::new("bank")
        .part(watched(Part::new("auditor", with(bank.clone(), auditor))))
        // Once the tellers are done, the auditor is stopped, and adds up for the last time.
        .part(watched(Part::new("tellers", with(bank, tellers))).after("auditor").job().stops_all())
        .play_until_signal()
        .await
}
