//! A concurrency limit per key.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    concurrency::{ConcurrencyLimit, Permit},
    error::Busy,
    per_key::{KeyUse, PerKey},
};
use crate::context::{Context, error::ContextError};

/// A limit per key, such as a customer, on how many operations run at the same time. A cheap clone.
///
/// ```
/// use upbeat::limit::KeyedConcurrencyLimit;
///
/// let exports = KeyedConcurrencyLimit::new(1);
/// let alice = exports.try_acquire(&"alice");
/// assert!(alice.is_ok() && exports.try_acquire(&"alice").is_err());
/// assert!(exports.try_acquire(&"bob").is_ok());
/// ```
///
/// # Guarantees
///
/// Those of a [`ConcurrencyLimit`], for each key. A key without permits and waiters needs no
/// memory.
pub struct KeyedConcurrencyLimit<K> {
    max: usize,
    limits: Arc<PerKey<K, ConcurrencyLimit>>,
}

impl<K: Hash + Eq + Clone> KeyedConcurrencyLimit<K> {
    /// Returns a limit of `max` permits per key, at least one.
    pub fn new(max: usize) -> Self {
        Self { max, limits: Arc::new(PerKey::new()) }
    }

    /// Takes a permit of this key without waiting.
    ///
    /// # Errors
    ///
    /// If all permits of the key are in use, or the free ones belong to waiters.
    pub fn try_acquire(&self, key: &K) -> Result<KeyedPermit<K>, Busy> {
        let limit = self.enter(key);
        Ok(KeyedPermit { _permit: limit.try_acquire()?, _limit: limit })
    }

    /// Waits for a permit of this key and takes it.
    ///
    /// A caller that already holds a permit of the key, and a future that is kept and not polled,
    /// may [wait for ever](super::ConcurrencyLimit#waits-that-do-not-end-by-themselves).
    ///
    /// # Errors
    ///
    /// If the context is done first, with the reason.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no permit is taken, and the position in the queue is lost.
    pub async fn acquire(&self, cx: &Context, key: &K) -> Result<KeyedPermit<K>, ContextError> {
        let limit = self.enter(key);
        Ok(KeyedPermit { _permit: limit.acquire(cx).await?, _limit: limit })
    }

    /// Returns the number of permits per key.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Returns how many keys have permits in use or waiters.
    pub fn len(&self) -> usize {
        self.limits.len()
    }

    /// Returns whether no key has permits in use or waiters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enter(&self, key: &K) -> KeyUse<K, ConcurrencyLimit> {
        self.limits.enter(key, || ConcurrencyLimit::new(self.max))
    }
}

impl<K> Clone for KeyedConcurrencyLimit<K> {
    fn clone(&self) -> Self {
        Self { max: self.max, limits: self.limits.clone() }
    }
}

impl<K> fmt::Debug for KeyedConcurrencyLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedConcurrencyLimit").field("max", &self.max).finish_non_exhaustive()
    }
}

/// A permit of a [`KeyedConcurrencyLimit`], in use until this value is dropped.
#[must_use = "the permit is free again when this is dropped"]
pub struct KeyedPermit<K: Hash + Eq> {
    // Dropped first: the drop of the next field removes the key if it is no longer in use.
    _permit: Permit,
    _limit: KeyUse<K, ConcurrencyLimit>,
}

impl<K: Hash + Eq> fmt::Debug for KeyedPermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPermit").finish_non_exhaustive()
    }
}
