//! Transfers between accounts, many at a time, while an auditor adds up what is in all of them.
//!
//! ```console
//! $ cargo run --example bank                                # every audit finds all the money
//! $ cargo run --example bank -- --how one-at-a-time         # wrong: an audit does not, and the program fails
//! ```
//!
//! Locks are taken in the order of the accounts' numbers, by transfers and by the auditor, so they never wait for each other in a circle. What
//! happens otherwise is shown by `deadlock.rs`.

#![expect(clippy::print_stdout, reason = "a program talks to whoever runs it")]

use std::{convert::Infallible, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use tokio::{
    sync::{Mutex, MutexGuard},
    task::yield_now,
};
use upbeat::{BoxError, Conductor, Context, Part, Report, score::OnUnresponsive, task::Group, with};

/// What each account begins with, in cents.
const OPENING: u64 = 1_000;

/// Transfers between accounts, many at a time, while an auditor adds up what is in all of them.
#[derive(Clone, Copy, Parser)]
#[command(after_help = "\
Examples:
  cargo run --example bank
  cargo run --example bank -- --accounts 2 --tellers 100    Everybody wants the same two locks
  cargo run --example bank -- --how one-at-a-time           Wrong: the auditor fails, exit code 1")]
struct Args {
    /// How a transfer locks its two accounts
    #[arg(long, value_enum, default_value = "ordered")]
    how: How,
    /// How many accounts there are
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    accounts: u16,
    /// How many transfers are under way at the same time
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    tellers: u16,
    /// How many transfers each teller makes
    #[arg(long, default_value_t = 5_000)]
    transfers: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Both, the one with the lower number first
    Ordered,
    /// Wrong: one, and then the other, so that the money is in neither for a moment
    OneAtATime,
}

/// The accounts by their number, with their balance in cents.
#[derive(Clone)]
struct Bank {
    args: Args,
    accounts: Arc<[Mutex<u64>]>,
}

impl Bank {
    fn open(args: Args) -> Self {
        Self { args, accounts: (0..args.accounts).map(|_| Mutex::new(OPENING)).collect() }
    }

    /// Takes the locks of two different accounts, and returns them in the order asked for.
    async fn lock_both(&self, from: usize, to: usize) -> (MutexGuard<'_, u64>, MutexGuard<'_, u64>) {
        let first = self.accounts[from.min(to)].lock().await;
        let second = self.accounts[from.max(to)].lock().await;
        if from < to { (first, second) } else { (second, first) }
    }

    /// Moves an amount, if it is there. Says whether it was.
    async fn transfer(&self, from: usize, to: usize, cents: u64) -> bool {
        match self.args.how {
            How::Ordered => {
                let (mut from, mut to) = self.lock_both(from, to).await;
                let Some(rest) = from.checked_sub(cents) else { return false };
                *from = rest;
                // As a journal would be written here: others run meanwhile, and cannot look at these two accounts.
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

    /// What is in all accounts at one instant: all are locked, in their order.
    async fn total(&self) -> u64 {
        let mut locked = Vec::with_capacity(self.accounts.len());
        for account in &*self.accounts {
            locked.push(account.lock().await);
        }
        locked.iter().map(|balance| **balance).sum()
    }
}

/// Makes transfers between accounts and of amounts that chance chooses, until it has made all or is asked to stop. Says how many
/// were made, and how many refused.
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
    // A teller ends a transfer that he has begun, and goes home by himself: for the group a stop is no reason to fail.
    let group = Group::new(&cx.until_deadline());
    for number in 0..bank.args.tellers {
        let bank = bank.clone();
        group.spawn(format!("teller {number}"), move |cx| teller(bank, cx));
    }
    let [made, refused] = group.wait().await?.into_iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    cx.note(format_args!("{made} transfers, and {refused} refused for want of money"));
    Ok(())
}

/// Adds up again and again, and fails when something is missing. That stops the tellers.
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
            cx.note(format_args!("{audit} audits, and each found all {all} cents"));
            break;
        }
        yield_now().await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Report {
    upbeat_examples::log();
    let bank = Bank::open(Args::parse());
    // Nobody waits for long, unless they wait for each other: then the report says where.
    let watched = |part: Part| part.watchdog(Duration::from_secs(10), OnUnresponsive::Fail);
    println!("try also: --how one-at-a-time, and: --accounts 2 --tellers 100");
    Conductor::new("bank")
        .part(watched(Part::new("auditor", with(bank.clone(), auditor))))
        // When they are done, the auditor stops after them, and adds up for the last time.
        .part(watched(Part::new("tellers", with(bank, tellers))).after("auditor").job().stops_all())
        .play_until_signal()
        .await
}
