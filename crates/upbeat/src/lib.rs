//! A conductor for the long-lived workers of a service: it starts them in order, reports when they
//! are ready, restarts them or fails fast, and stops them inside a deadline without losing accepted
//! work.
//!
//! Four words: a [`Player`] is a worker. A [`Part`] is a player with its name and policies. A
//! [`Conductor`] plays parts, and is itself a player. A *score* is everything to be played, as
//! data.
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
//! # Guarantees
//!
//! - A score is [checked](Conductor::check) first: all faults at once, by name, before anything
//!   starts.
//! - A part starts when its conditions hold, never before. If a dependency fails, its dependents
//!   never start, and the report names the dependency.
//! - The first failure without a [restart](restart::Restart) requests a graceful stop of the others
//!   and waits for them. No error is lost, not even one while stopping. The [`Report`] has the root
//!   cause first, and every player by its full path.
//! - A stop takes the reverse of the edges, in parallel where there are none, inside one budget
//!   that nested conductors share. A part that does not stop in time is aborted. If it is still
//!   there, it is reported as leaked, and the others still stop.
//! - While stopping, each part that has not ended is logged: path, activity, and source line.
//!   [`Overview::dump`](diagnostics::Overview::dump) returns this for all players, at any time,
//!   without compiler flags and without changes to the stuck code.
//! - A [`Context`] is also a context as in Go: children with deadlines, values and causes, of which
//!   nothing is left when they are dropped. A [`Group`](task::Group) runs several tasks under one.
//! - Panics are caught wherever code of a player runs, with message, location and backtrace. They
//!   are failures like others.
//! - The control loop never waits for a player.
//!
//! # Not guaranteed
//!
//! - A future that never yields cannot be stopped. It is reported as leaked. If it keeps the
//!   process from ending, [`Conductor::play_until_signal`] ends the process from a separate thread.
//!   [`Conductor::play_until`] does not.
//! - The location of a task is found by one more poll. For a task that never yields, only the
//!   duration of its poll is reported.
//! - Unix only, because signals are those of Unix.
//!
//! # Modules
//!
//! - [`task`]: groups of tasks, and tracked background work.
//! - [`time`]: scheduled players and timers.
//! - [`monitor`]: bounds and alerts for calls that may hang.
//! - [`diagnostics`]: the state of all players, locations, log targets.
//! - [`report`], [`restart`], [`score`], [`player`], [`panic`](mod@panic): the types of these
//!   subjects.
//!
//! # Features
//!
//! - `cron`: players by the calendar, `upbeat::time::cron`.
//! - `cron-tzdb`: `cron` with a time zone database in the program, for machines that have none,
//!   such as images from scratch. One of the machine is preferred.
//! - `limit`: rate limits and concurrency limits, in total and for each key, `upbeat::limit`.
//! - `serde`: [`Report`] and [`Snapshot`](diagnostics::Snapshot) are `Serialize`.

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

pub use conductor::{
    Conductor, ConductorError,
    handle::{Handle, PartHandle},
};
pub use context::{Context, attachment, error::ContextError, reloads::Reloads};
pub use error::BoxError;
pub use player::{
    Player,
    adapters::{once, with},
    part::Part,
};
pub use report::Report;
pub use signal::Signal;
pub use supervisor::request::HandleError;
