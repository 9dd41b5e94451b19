//! Limits for requests as tower layers.

mod concurrency;
mod holding_body;
mod key;
mod rate;

pub use concurrency::{ConcurrencyLimitLayer, ConcurrencyLimited};
pub use key::RequestKey;
pub use rate::{RateLimitLayer, RateLimited};
