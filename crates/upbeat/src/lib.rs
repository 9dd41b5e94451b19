//! Runs the long-lived workers of a service as one: starts them in order, knows when they are ready, restarts them or fails fast, and stops
//! them inside a deadline without losing accepted work.
//!
//! Four words: a [`Player`] is a worker; a [`Part`] is a player with its name and policies; a [`Conductor`] plays parts, and is a player itself;
//! a *score* is everything to be played, as data.
//!
//! ```
//! use upbeat::{Conductor, Context, Part};
//!
//! async fn api(cx: Context) -> anyhow::Result<()> {
//!     // bind, connect, …
//!     cx.ready();
//!     while let Some(order) = cx.unless_stopping(next_order()).await {
//!         println!("serving order {order}");
//! #       break;
//!     }
//!     Ok(())
//! }
//! # async fn next_order() -> u32 { 7 }
//!
//! # async fn db(cx: Context) -> anyhow::Result<()> { cx.stopping().await; Ok(()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = Conductor::new("shop")
//!     .player("db", db)
//!     .part(Part::new("api", api).after("db").signals_ready().job())
//! #   .part(Part::new("end", async |cx: Context| -> anyhow::Result<()> { Ok(()) }).after("api").stops_all())
//!     .play_until_signal()
//!     .await;
//! # assert!(report.is_clean(), "{report}");
//! # }
//! ```
//!
//! # What holds
//!
//! - A score is [checked](Conductor::check) first: every fault at once, by name, before anything starts.
//! - A part starts when its conditions hold, never before; when a dependency fails, those that wait for it never start, and say why.
//! - The first failure that no [restart](Restart) answers stops the others politely, and waits for them. No error is lost, not even
//!   one that happens while stopping: the [`Report`] has the root cause first, and every player by its full path.
//! - Stopping goes in the reverse of the edges, in parallel where there are none, inside one budget that nested conductors share. What
//!   does not stop in time is aborted; what does not even go then is reported as leaked, by name, and the others still stop.
//! - Who holds the door is told while it does: by path, with what it is doing and the line of code on which it waits, also in the report.
//!   [`Overview::dump`] tells it of everybody, at any time, without flags and without the co-operation of what is stuck.
//! - A [`Context`] is Go's, too: children with deadlines, values and causes, which leave nothing behind when they are dropped.
//!   A [`Group`] runs several tasks under one.
//! - Panics are caught wherever a player's code runs, with message, place and backtrace, and are failures like others.
//! - The control loop never waits for a player.
//!
//! # What does not
//!
//! - A future that never yields cannot be stopped, only left behind: it is reported as leaked. Where it could keep the process from ending,
//!   [`Conductor::play_until_signal`] ends it from a thread of its own; [`Conductor::play_until`] does not.
//! - Where a task waits is found by polling it once more; one that never yields says only that, and for how long. See [`probe`].
//! - Unix only: signals are those of Unix.
//!
//! # Features
//!
//! - `cron`: players by the calendar, `upbeat::time::cron`.
//! - `limit`: rate limits and concurrency limits, for all and for each key, `upbeat::limit`.
//! - `serde`: [`Report`] and [`Snapshot`] are `Serialize`.

mod conductor;
mod context;
pub mod diagnostics;
mod display;
mod error;
pub mod exit_code;
mod instant;
#[cfg(feature = "limit")]
pub mod limit;
pub mod monitor;
pub mod panic;
pub mod player;
mod process;
mod progress;
pub mod report;
pub mod restart;
mod run;
pub mod score;
mod signal;
mod snapshot;
mod stop_cause;
mod supervisor;
mod targets;
pub mod task;
pub mod time;
mod tree;

pub use conductor::{Conductor, ConductorError, handle::Handle};
pub use context::{Context, attachment, error::ContextError, reloads::Reloads};
pub use error::BoxError;
pub use player::{
    Player,
    adapters::{once, with},
    part::Part,
};
pub use report::Report;
pub use signal::Signal;
pub use supervisor::handle_error::HandleError;
