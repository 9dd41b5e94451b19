//! Rate limits and concurrency limits for tasks and for servers.
//!
//! ```
//! use upbeat::{Context, ContextError, limit::{KeyedRateLimit, Rate, RateLimit}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), ContextError> {
//! # let cx = Context::background();
//! // Ten a second on average, and up to thirty at once after a pause.
//! let mails = RateLimit::new(Rate::per_second(10).burst(30));
//! mails.acquire(&cx).await?;
//!
//! // A limit for each customer. A rejected caller gets the time after which to retry.
//! let orders = KeyedRateLimit::new(Rate::per_second(1));
//! assert!(orders.try_acquire(&"alice").is_ok());
//! assert!(orders.try_acquire(&"alice").is_err_and(|error| error.retry_after.as_millis() == 1000));
//! assert!(orders.try_acquire(&"bob").is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! | | one limit | one limit per key |
//! |---|---|---|
//! | how often | [`RateLimit`] | [`KeyedRateLimit`] |
//! | how many at once | [`ConcurrencyLimit`] | [`KeyedConcurrencyLimit`] |
//!
//! Each has `try_acquire`, which fails at once, and `acquire`, which waits until a
//! [`Context`](crate::context::Context) is done. Waiters are served in the order of their calls. A
//! cancelled wait consumes nothing. All are cheap clones that share one limit.
//!
//! The token bucket is that of the crate [`governor`](https://docs.rs/governor). This module adds
//! fair waiting on tokio's clock, and keys in bounded memory.

mod buckets;
mod clock;
mod concurrency;
mod error;
mod keyed_concurrency;
mod keyed_rate;
mod per_key;
mod rate;
mod rate_limit;
mod wait_queue;

pub use concurrency::{ConcurrencyLimit, Permit};
pub use error::{Busy, RateLimitError};
pub use keyed_concurrency::{KeyedConcurrencyLimit, KeyedPermit};
pub use keyed_rate::KeyedRateLimit;
pub use rate::Rate;
pub use rate_limit::RateLimit;
