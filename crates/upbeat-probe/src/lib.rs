//! A probe that reports where a future is waiting.
//!
//! [`watch`] wraps any future and returns a [`Probe`]. The probe can be asked from anywhere: from
//! another task, or from a plain thread while the runtime is stuck. It answers one of three things:
//!
//! - the `await`s in which the future is suspended, with file and line,
//! - that the future has been inside one poll all the time and blocks its thread,
//! - that nothing is registered to wake it.
//!
//! ```
//! use std::time::Duration;
//!
//! async fn shop(mut orders: tokio::sync::mpsc::Receiver<u32>) {
//!     while let Some(_order) = orders.recv().await {}
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (_sender, orders) = tokio::sync::mpsc::channel(1);
//! let (shop, probe) = upbeat_probe::watch(shop(orders));
//! tokio::spawn(shop);
//!
//! let answer = probe.ask(Duration::from_secs(1)).await;
//! // The lookup of names takes a while, so it runs off the runtime's workers.
//! let text = tokio::task::spawn_blocking(move || answer.to_string()).await?;
//! // waiting in
//! // └─ shop::shop at main.rs:4
//! //    └─ tokio::sync::mpsc::bounded::Receiver::recv
//! assert!(text.contains("shop"), "{text}");
//! # Ok(())
//! # }
//! ```
//!
//! It works on stable Rust, without compiler flags and without changes to the watched code. It
//! costs next to nothing until it is asked.
//!
//! # How it works
//!
//! On request, the future is woken. Its next poll is a real one, made with a waker whose `clone`
//! records the call stack. A leaf future that suspends has to keep a clone of its waker. So the
//! stack is recorded exactly where the future waits, below all the `async` functions that led
//! there. The clone that the leaf receives is one of the *real* waker, so that nothing of the probe
//! is left in the future after the poll. The idea comes from the dormant crate
//! [`tasktrace`](https://docs.rs/tasktrace).
//!
//! A counter that is odd during a poll shows whether a poll is running. It takes two plain stores
//! per poll and no clock. A reported duration is therefore a lower bound, counted from the first
//! look during the poll. [`Probe::busy`] is such a look, cheap enough for once a second.
//!
//! # Limits
//!
//! - The future is polled once more than without the probe. Progress made in this poll is kept.
//! - A poll that makes progress before it suspends also lists `await`s that it has left again.
//! - A leaf is found because it keeps a waker in that poll. A leaf that keeps an earlier waker
//!   without comparing it is not found. If there is no other leaf, the answer is a wrong
//!   [`Answer::Nothing`].
//! - Futures that schedule their children themselves, such as `FuturesUnordered` and `JoinSet`,
//!   poll only children that were woken. The trace ends at the collection. Watch the children to
//!   see more.
//! - A trace ends at a `JoinHandle` as well: another task is not polled.
//! - A running poll cannot be interrupted. [`Answer::Busy`] has its duration, not its place.
//! - Names and lines come from the debug information. `debug = "limited"` in the profile (also
//!   written `debug = 1`) has all of it. With `"line-tables-only"`, files and lines are right, but
//!   an inlined function has a bare name such as `async fn at shop.rs:4`. Without debug information
//!   inlined functions are missing. A stripped program has no names at all.
//! - On platforms without call stacks (WebAssembly) the traces of [`Answer::Waiting`] have no
//!   frames.
//!
//! # Cost
//!
//! While it is not asked: three relaxed loads and two relaxed stores per poll, and one allocation
//! and one clone of the waker per future. A [`Watchpoint`] saves the allocation.
//! `cargo run --release -p upbeat-probe --example ping_pong` measures it.
//!
//! An answer costs the thread that polls the future one walk up its stack for every leaf, a few
//! microseconds each. A leaf may hold a lock of its own meanwhile. Names are looked up later, when
//! the answer is displayed or [resolved](Answer::resolve). That takes milliseconds, and perhaps
//! seconds the first time in a large program. A cache of the debug information stays in memory.

mod answer;
mod display;
mod probe;
mod requests;
mod symbols;
mod sync;
mod trace;
mod tracer;
mod watched;
mod watchpoint;

pub use answer::Answer;
pub use probe::Probe;
pub use trace::{Frame, Trace};
pub use watched::{Watched, watch};
pub use watchpoint::Watchpoint;
