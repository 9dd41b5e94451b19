//! Refusals.

use std::time::Duration;

use crate::display::human;

/// A rate limit has no token left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rate limit is reached, try again in {}", human(*.retry_after))]
#[non_exhaustive]
pub struct RateLimitError {
    /// When there will be a token, if nobody else takes it.
    pub retry_after: Duration,
}

/// A concurrency limit has no place left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy: all {most} places are taken")]
#[non_exhaustive]
pub struct Busy {
    /// How many places there are.
    pub most: usize,
}
