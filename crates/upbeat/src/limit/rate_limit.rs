//! One rate limit.

use std::{fmt, sync::Arc};

use governor::{
    RateLimiter,
    clock::Clock as _,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::Duration;

use super::{clock::TokioClock, error::RateLimitError, rate::Rate, wait_queue::WaitQueue};
use crate::context::{Context, error::ContextError};

type Bucket = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// A limit on how often an operation runs: a token bucket. A cheap clone.
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
/// - In any period it gives at most the [burst](Rate::burst), and one token for each
///   [interval](Rate::interval) in that period.
/// - Waiters get tokens in the order of their calls, before callers that do not wait. A waiter that
///   is not polled within an interval of its turn, at least 2 ms and at most 20 ms, is passed.
/// - A wait that is cancelled, or whose context is done, consumes no token.
///
/// # Not guaranteed
///
/// The number of waiters is not bounded. Where callers are not bounded either, reject them with
/// [`try_acquire`](RateLimit::try_acquire) instead. Timers have a resolution of a millisecond, so
/// waiters of a rate above a thousand per second get their tokens in small bursts.
#[derive(Clone)]
pub struct RateLimit {
    inner: Arc<Inner>,
}

struct Inner {
    rate: Rate,
    bucket: Bucket,
    queue: WaitQueue,
}

impl RateLimit {
    /// Returns a limit whose bucket is full.
    pub fn new(rate: Rate) -> Self {
        let bucket = RateLimiter::direct_with_clock(rate.quota(), TokioClock::start());
        Self { inner: Arc::new(Inner { rate, bucket, queue: WaitQueue::new(rate.interval()) }) }
    }

    /// Takes a token without waiting.
    ///
    /// # Errors
    ///
    /// If there is no token, or it belongs to a waiter, with the time after which to retry.
    pub fn try_acquire(&self) -> Result<(), RateLimitError> {
        match self.inner.queue.check() {
            Some(error) => Err(error),
            None => self.inner.take(),
        }
    }

    /// Waits for a token and takes it.
    ///
    /// # Errors
    ///
    /// If the context is done first, with the reason.
    ///
    /// # A wait that is kept and not polled
    ///
    /// A wait that was polled once holds its position, and a branch of `select!` may keep it for
    /// long without polling it. When its turn has come and it is not polled, the others pass it, so
    /// it holds them up for one turn. When it is polled again, it is the first.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no token is taken, and the position in the queue is lost.
    ///
    /// # Panics
    ///
    /// If it has to wait and is polled outside a tokio runtime with timers.
    pub async fn acquire(&self, cx: &Context) -> Result<(), ContextError> {
        cx.unless_done(self.inner.queue.wait(|| self.inner.take())).await
    }

    /// Returns how many callers wait for a token, without those that others have
    /// [passed](RateLimit::acquire).
    pub fn waiting(&self) -> usize {
        self.inner.queue.waiting()
    }

    /// Returns the rate.
    pub fn rate(&self) -> Rate {
        self.inner.rate
    }
}

impl Inner {
    fn take(&self) -> Result<(), RateLimitError> {
        let error = |until: governor::NotUntil<Duration>| RateLimitError {
            retry_after: until.wait_time_from(self.bucket.clock().now()),
        };
        self.bucket.check().map_err(error)
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("rate", &self.rate()).field("waiting", &self.waiting()).finish()
    }
}
