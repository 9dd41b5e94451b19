//! The errors of limits.

use std::time::Duration;

use crate::display::human;

/// The error of a rate limit without a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded, retry in {}", human(*.retry_after))]
#[non_exhaustive]
pub struct RateLimitError {
    /// The time until there is a token, if no other caller takes it.
    pub retry_after: Duration,
}

/// The error of a concurrency limit without a free permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy: all {max} permits are in use")]
#[non_exhaustive]
pub struct Busy {
    /// The number of permits.
    pub max: usize,
}
