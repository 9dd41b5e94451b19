//! Limits for requests, as tower layers for axum.

mod concurrency;
mod held;
mod key;
mod rate;

pub use concurrency::{ConcurrencyLimitLayer, ConcurrencyLimited};
pub use key::RequestKey;
pub use rate::{RateLimitLayer, RateLimited};
