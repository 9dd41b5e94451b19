//! A rate limit for all together.

use std::{fmt, sync::Arc};

use governor::{
    RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Duration;

use super::{clock::TokioClock, error::RateLimitError, line::Line, rate::Rate};
use crate::context::{Context, error::ContextError};

type Bucket = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// A limit on how often something happens: a token bucket. A cheap clone.
///
/// ```
/// use upbeat::{Context, ContextError, limit::{Rate, RateLimit}};
///
/// # async fn send(_: &str) {}
/// async fn mailer(cx: Context, mails: Vec<String>) -> Result<(), ContextError> {
///     let limit = RateLimit::new(Rate::per_second(10));
///     for mail in mails {
///         limit.acquire(&cx).await?;
///         send(&mail).await;
///     }
///     Ok(())
/// }
/// # let _ = mailer;
/// ```
///
/// # Guarantees
///
/// - In any time it gives no more than the [burst](Rate::burst), and one for each [interval](Rate::interval) in it.
/// - Those who wait get their tokens in the order of asking, and nobody overtakes them.
/// - Who gives up, or whose context is done, takes no token.
///
/// # Not guaranteed
///
/// There is no bound on how many wait: who may come without one is refused by [`try_acquire`](RateLimit::try_acquire) instead. Timers have a
/// resolution of a millisecond, so who waits for the tokens of a rate beyond a thousand a second gets them in small bursts.
#[derive(Clone)]
pub struct RateLimit {
    inner: Arc<Inner>,
}

struct Inner {
    rate: Rate,
    bucket: Bucket,
    line: Line,
}

impl RateLimit {
    /// A limit whose bucket is full.
    pub fn new(rate: Rate) -> Self {
        let bucket = RateLimiter::direct_with_clock(rate.quota(), TokioClock::start());
        Self { inner: Arc::new(Inner { rate, bucket, line: Line::default() }) }
    }

    /// Takes a token, if there is one and nobody waits for it.
    ///
    /// # Errors
    ///
    /// When there is none, with the time after which there will be.
    pub fn try_acquire(&self) -> Result<(), RateLimitError> {
        match self.inner.line.refusal(self.inner.rate.interval()) {
            Some(refused) => Err(refused),
            None => self.inner.take(),
        }
    }

    /// Waits for a token, and takes it.
    ///
    /// # Errors
    ///
    /// When the context is done before that, with the reason.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped no token was taken, but the place in the line is lost.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with timers, if it has to wait.
    pub async fn acquire(&self, cx: &Context) -> Result<(), ContextError> {
        cx.unless_done(self.inner.line.wait(|| self.inner.take())).await
    }

    /// How many wait for a token.
    pub fn waiting(&self) -> usize {
        self.inner.line.waiting()
    }

    /// The rate.
    pub fn rate(&self) -> Rate {
        self.inner.rate
    }
}

impl Inner {
    fn take(&self) -> Result<(), RateLimitError> {
        let refused = |until: governor::NotUntil<Duration>| RateLimitError {
            retry_after: until.wait_time_from(self.bucket.clock().now()),
        };
        self.bucket.check().map_err(refused)
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("rate", &self.rate()).field("waiting", &self.waiting()).finish()
    }
}
