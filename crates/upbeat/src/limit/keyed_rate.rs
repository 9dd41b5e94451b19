//! A rate limit per key.

use std::{fmt, hash::Hash, sync::Arc};

use governor::{NotUntil, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware};
use tokio::time::Duration;

use super::{
    buckets::Buckets, clock::TokioClock, error::RateLimitError, per_key::PerKey, rate::Rate, wait_queue::WaitQueue,
};
use crate::context::{Context, error::ContextError};

/// The default number of buckets.
const CAPACITY: usize = 100_000;

/// A limit per key, such as a customer, on how often an operation runs. A cheap clone.
///
/// Each key has its own token bucket. The buckets live in bounded memory.
///
/// ```
/// use upbeat::limit::{KeyedRateLimit, Rate};
///
/// let logins = KeyedRateLimit::new(Rate::per_minute(3));
/// for _ in 0..3 {
///     assert!(logins.try_acquire(&"alice".to_owned()).is_ok());
/// }
/// let error = logins.try_acquire(&"alice".to_owned()).expect_err("this is the fourth");
/// assert_eq!(error.retry_after.as_secs_f64().round(), 20.0);
/// ```
///
/// # Guarantees
///
/// - In any period a key gets at most the [burst](Rate::burst), and one token for each
///   [interval](Rate::interval) in that period.
/// - There are at most [`capacity`](KeyedRateLimit::with_capacity) buckets. A new key beyond that
///   evicts the bucket that has been full for longest. A full bucket equals that of a new key, so
///   eviction never resets a limit.
/// - If no bucket is full, a new key is rejected, with the time until one is. Keys that have a
///   bucket are not affected.
/// - Waiters get the tokens of a key in the order of their calls, unless one is not polled when its
///   turn comes. A cancelled wait consumes none.
///
/// # Not guaranteed
///
/// A bucket is full again one interval after its last token at the earliest, and after `burst`
/// intervals at the latest. A client that sends more than `capacity` new keys in that time locks
/// out other new keys. Choose a larger capacity, or keys that cost the client more to change.
/// Memory that was allocated for buckets is kept.
///
/// # Compared with `governor`
///
/// Its keyed limiter grows with every key until `retain_recent` goes through all of them. The
/// decision on a token is that of `governor` here too.
pub struct KeyedRateLimit<K: Hash + Eq + Clone> {
    inner: Arc<Inner<K>>,
}

struct Inner<K: Hash + Eq + Clone> {
    rate: Rate,
    limiter: RateLimiter<K, Buckets<K>, TokioClock, NoOpMiddleware<Duration>>,
    /// Those of the limiter, which does not return them.
    buckets: Buckets<K>,
    queues: PerKey<K, WaitQueue>,
}

impl<K: Hash + Eq + Clone> KeyedRateLimit<K> {
    /// Returns a limit with up to 100,000 buckets.
    pub fn new(rate: Rate) -> Self {
        Self::with_capacity(rate, CAPACITY)
    }

    /// Returns a limit with up to `capacity` buckets, at least one. Memory is allocated as keys
    /// come.
    pub fn with_capacity(rate: Rate, capacity: usize) -> Self {
        let buckets = Buckets::new(rate, capacity);
        let limiter = RateLimiter::new(rate.quota(), buckets.clone(), TokioClock::start());
        Self { inner: Arc::new(Inner { rate, limiter, buckets, queues: PerKey::new() }) }
    }

    /// Takes a token of this key without waiting.
    ///
    /// # Errors
    ///
    /// If the key has no token, or it belongs to a waiter. Also if the key is new and no bucket can
    /// be evicted. The error has the time after which to retry.
    pub fn try_acquire(&self, key: &K) -> Result<(), RateLimitError> {
        let error = self.inner.queues.with(key, WaitQueue::check);
        match error.flatten() {
            Some(error) => Err(error),
            None => self.inner.take(key),
        }
    }

    /// Waits for a token of this key and takes it.
    ///
    /// # Errors
    ///
    /// If the context is done first, with the reason.
    ///
    /// A wait that is kept and not polled holds up the others of its key for one turn: see
    /// [`RateLimit::acquire`](super::RateLimit::acquire).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no token is taken, and the position in the queue is lost.
    ///
    /// # Panics
    ///
    /// If it has to wait and is polled outside a tokio runtime with timers.
    pub async fn acquire(&self, cx: &Context, key: &K) -> Result<(), ContextError> {
        let queue = self.inner.queues.enter(key, || WaitQueue::new(self.inner.rate.interval()));
        cx.unless_done(queue.wait(|| self.inner.take(key))).await
    }

    /// Returns how many keys have a bucket.
    pub fn len(&self) -> usize {
        self.inner.buckets.len()
    }

    /// Returns whether no key has a bucket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the rate.
    pub fn rate(&self) -> Rate {
        self.inner.rate
    }
}

impl<K: Hash + Eq + Clone> Inner<K> {
    fn take(&self, key: &K) -> Result<(), RateLimitError> {
        let error = |until: NotUntil<Duration>| RateLimitError {
            retry_after: until.wait_time_from(self.limiter.clock().now()),
        };
        self.limiter.check_key(key).map_err(error)
    }
}

impl<K: Hash + Eq + Clone> Clone for KeyedRateLimit<K> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for KeyedRateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit").field("rate", &self.rate()).field("len", &self.len()).finish()
    }
}
