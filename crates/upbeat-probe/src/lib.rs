//! Where is a future waiting?
//!
//! [`watch`] wraps any future and gives a [`Probe`]. From anywhere (another task, a plain thread, a guard that runs when
//! everything else is stuck) the probe can be asked, and says in which `await`s the future stands, with file and line; or
//! that it has been inside one poll all the time and blocks its thread; or that nothing will ever wake it.
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
//! // Names are looked up in the debug information, which takes a while: not on a worker of the runtime.
//! let text = tokio::task::spawn_blocking(move || answer.to_string()).await?;
//! // waiting in
//! // └─ shop::shop at main.rs:4
//! //    └─ tokio::sync::mpsc::bounded::Receiver::recv
//! assert!(text.contains("shop"), "{text}");
//! # Ok(())
//! # }
//! ```
//!
//! It works on stable Rust, needs no compiler flags and no co-operation of the code that it looks at, and costs next to nothing until somebody asks.
//!
//! # How it works
//!
//! On request the future is woken, and its next poll, a real one, is made with a waker whose `clone` records the call
//! stack. A leaf future that suspends has to keep a clone of its waker: so the stack is recorded exactly where the future waits, under all
//! the `async` functions that led there. The clone that the leaf gets is one of the *real* waker: when the poll is
//! over, nothing of the probe is left in the future. The idea is that of the crate
//! [`tasktrace`](https://docs.rs/tasktrace), which is dormant.
//!
//! Whether a poll is running is told by a counter that is odd during a poll: two plain stores per poll and no clock. The price is
//! that a duration is a lower bound: the poll has been running at least since somebody first looked. [`Probe::busy`]
//! is such a look, cheap enough to be made every second.
//!
//! # Limits
//!
//! - The future is polled once more than it would have been. Every future has to bear that, and progress made in this poll is kept.
//! - A poll that makes progress before it suspends also lists `await`s that it has left within the same poll.
//! - A leaf is found because it keeps a waker in that poll. One that keeps an earlier waker without looking whether it is still the right
//!   one is not found; if there is no other leaf, the answer is a wrong [`Answer::Nothing`].
//! - Futures that schedule their children themselves, such as `FuturesUnordered` and `JoinSet`, poll only children
//!   that were woken. The trace ends at the collection; watch the children to see into them.
//! - The same holds at other tasks: a `JoinHandle` is where the trace ends.
//! - A poll that is running cannot be interrupted: [`Answer::Busy`] says for how long, not where.
//! - Names and lines come from the debug information. `debug = "limited"` in the profile (also known as `debug = 1`) gives all of it. With
//!   `"line-tables-only"` files and lines are right, but an inlined function has a bare name: `async fn at shop.rs:4`. Without debug information
//!   inlined functions are missing, in a stripped program there are no names at all.
//! - Where the platform has no call stacks (WebAssembly), [`Answer::Waiting`] has traces without frames.
//!
//! # Cost
//!
//! When nobody asks: three relaxed loads and two relaxed stores per poll; an allocation and a clone of the waker per future. A [`Watchpoint`]
//! saves the allocation. `cargo run --release -p upbeat-probe --example ping_pong` measures it.
//!
//! An answer costs the thread that polls the future a walk up its stack for every leaf: a few microseconds for each. A leaf may hold a lock of its own
//! meanwhile. Names are looked up later, by whoever displays or [resolves](Answer::resolve) the answer: that takes milliseconds, the first time
//! in a large program perhaps seconds, and keeps a cache of the debug information in memory.

mod answer;
mod desk;
mod names;
mod probe;
mod sync;
mod trace;
mod tracer;
mod tree;
mod watched;
mod watchpoint;

pub use answer::Answer;
pub use probe::Probe;
pub use trace::{Frame, Trace};
pub use watched::{Watched, watch};
pub use watchpoint::Watchpoint;
