//! A rate limit for each key.

use std::{fmt, hash::Hash, sync::Arc};

use governor::{NotUntil, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware};
use tokio::time::Duration;

use super::{buckets::Buckets, clock::TokioClock, error::RateLimitError, line::Line, per_key::PerKey, rate::Rate};
use crate::context::{Context, error::ContextError};

/// How many keys are known at the same time, if not set.
const CAPACITY: usize = 100_000;

/// A limit on how often something happens for each key, such as a customer: a token bucket for every one, in bounded memory. A cheap
/// clone.
///
/// ```
/// use upbeat::limit::{KeyedRateLimit, Rate};
///
/// let logins = KeyedRateLimit::new(Rate::per_minute(3));
/// for _ in 0..3 {
///     assert!(logins.try_acquire(&"alice".to_owned()).is_ok());
/// }
/// let refused = logins.try_acquire(&"alice".to_owned()).expect_err("that was the fourth");
/// assert_eq!(refused.retry_after.as_secs_f64().round(), 20.0);
/// ```
///
/// # Guarantees
///
/// - In any time a key gets no more than the [burst](Rate::burst), and one for each [interval](Rate::interval) in it.
/// - No more than [`capacity`](KeyedRateLimit::with_capacity) keys are known. When there are as many, the one whose bucket is full, or has been for
///   longest, is forgotten for a new one. A full bucket is what a new key has, so nobody gets more than the rate by being forgotten.
/// - When none of them is full a new key is refused, with the time until one is. Those that are known are not concerned.
/// - Those who wait for a key's tokens get them in the order of asking. Who gives up takes none.
///
/// # Not guaranteed
///
/// A key's bucket is full again one interval after its last token at the earliest, and after `burst` intervals at the latest: somebody who comes
/// with more new keys than `capacity` in that time keeps others with new keys out. A larger capacity is the remedy, or a key that costs him
/// more to change. Memory once needed is kept for others to come.
///
/// # Compared with `governor`
///
/// Its keyed limiter grows with every key until it is told to forget, by going through all of them. The decision on a token is governor's here too.
pub struct KeyedRateLimit<K: Hash + Eq + Clone> {
    inner: Arc<Inner<K>>,
}

struct Inner<K: Hash + Eq + Clone> {
    rate: Rate,
    limiter: RateLimiter<K, Buckets<K>, TokioClock, NoOpMiddleware<Duration>>,
    /// Those of the limiter, which does not show them.
    buckets: Buckets<K>,
    lines: PerKey<K, Line>,
}

impl<K: Hash + Eq + Clone> KeyedRateLimit<K> {
    /// A limit that knows up to 100,000 keys.
    pub fn new(rate: Rate) -> Self {
        Self::with_capacity(rate, CAPACITY)
    }

    /// A limit that knows up to `capacity` keys, at least one. Memory is taken as keys come.
    pub fn with_capacity(rate: Rate, capacity: usize) -> Self {
        let buckets = Buckets::new(rate, capacity);
        let limiter = RateLimiter::new(rate.quota(), buckets.clone(), TokioClock::start());
        Self { inner: Arc::new(Inner { rate, limiter, buckets, lines: PerKey::new() }) }
    }

    /// Takes a token of this key, if there is one and nobody waits for it.
    ///
    /// # Errors
    ///
    /// When there is none, or the key is new and there is no memory for it: with the time after which there will be.
    pub fn try_acquire(&self, key: &K) -> Result<(), RateLimitError> {
        let refused = self.inner.lines.look(key, |line| line.refusal(self.inner.rate.interval()));
        match refused.flatten() {
            Some(refused) => Err(refused),
            None => self.inner.take(key),
        }
    }

    /// Waits for a token of this key, and takes it.
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
    pub async fn acquire(&self, cx: &Context, key: &K) -> Result<(), ContextError> {
        let line = self.inner.lines.enter(key, Line::default);
        cx.unless_done(line.wait(|| self.inner.take(key))).await
    }

    /// How many keys are known.
    pub fn known(&self) -> usize {
        self.inner.buckets.len()
    }

    /// The rate.
    pub fn rate(&self) -> Rate {
        self.inner.rate
    }
}

impl<K: Hash + Eq + Clone> Inner<K> {
    fn take(&self, key: &K) -> Result<(), RateLimitError> {
        let refused = |until: NotUntil<Duration>| RateLimitError {
            retry_after: until.wait_time_from(self.limiter.clock().now()),
        };
        self.limiter.check_key(key).map_err(refused)
    }
}

impl<K: Hash + Eq + Clone> Clone for KeyedRateLimit<K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for KeyedRateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit").field("rate", &self.rate()).field("known", &self.known()).finish()
    }
}
