//! How often, and how many at once: limits for tasks, and for what serves requests.
//!
//! ```
//! use upbeat::{Context, ContextError, limit::{KeyedRateLimit, Rate, RateLimit}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), ContextError> {
//! # let cx = Context::background();
//! // Ten a second on average, and up to thirty in one go after a pause.
//! let mails = RateLimit::new(Rate::per_second(10).burst(30));
//! mails.acquire(&cx).await?;
//!
//! // The same for each customer, who is refused and told when to come again.
//! let orders = KeyedRateLimit::new(Rate::per_second(1));
//! assert!(orders.try_acquire(&"alice").is_ok());
//! assert!(orders.try_acquire(&"alice").is_err_and(|refused| refused.retry_after.as_millis() == 1000));
//! assert!(orders.try_acquire(&"bob").is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! | | for all together | for each key |
//! |---|---|---|
//! | how often | [`RateLimit`] | [`KeyedRateLimit`] |
//! | how many at once | [`ConcurrencyLimit`] | [`KeyedConcurrencyLimit`] |
//!
//! Each has `try_acquire`, which refuses at once, and `acquire`, which waits until a [`Context`](crate::Context) is done, in the order of
//! asking. Whoever gives up takes nothing along. All are cheap clones that share one limit.
//!
//! The token bucket is that of the crate [`governor`](https://docs.rs/governor). What it lacks is here: waiting in order and on tokio's
//! clock, and keys in bounded memory.

mod buckets;
mod clock;
mod concurrency;
mod error;
mod keyed_concurrency;
mod keyed_rate;
mod line;
mod per_key;
mod rate;
mod rate_limit;

pub use concurrency::{ConcurrencyLimit, Permit};
pub use error::{Busy, RateLimitError};
pub use keyed_concurrency::{KeyedConcurrencyLimit, KeyedPermit};
pub use keyed_rate::KeyedRateLimit;
pub use rate::Rate;
pub use rate_limit::RateLimit;
