//! A concurrency limit for each key.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    concurrency::{ConcurrencyLimit, Permit},
    error::Busy,
    per_key::{Entered, PerKey},
};
use crate::context::{Context, error::ContextError};

/// A limit on how many do something at the same time for each key, such as a customer. A cheap clone.
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
/// Those of a [`ConcurrencyLimit`], for each key. A key that nobody uses or waits for needs no memory.
pub struct KeyedConcurrencyLimit<K> {
    most: usize,
    limits: Arc<PerKey<K, ConcurrencyLimit>>,
}

impl<K: Hash + Eq + Clone> KeyedConcurrencyLimit<K> {
    /// A limit of `most` places for each key, at least one.
    pub fn new(most: usize) -> Self {
        Self { most, limits: Arc::new(PerKey::new()) }
    }

    /// Takes a place of this key, if there is one that nobody waits for.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn try_acquire(&self, key: &K) -> Result<KeyedPermit<K>, Busy> {
        let limit = self.enter(key);
        Ok(KeyedPermit { _permit: limit.try_acquire()?, _limit: limit })
    }

    /// Waits for a place of this key, and takes it.
    ///
    /// # Errors
    ///
    /// When the context is done before that, with the reason.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped no place was taken, but the place in the line is lost.
    pub async fn acquire(&self, cx: &Context, key: &K) -> Result<KeyedPermit<K>, ContextError> {
        let limit = self.enter(key);
        Ok(KeyedPermit { _permit: limit.acquire(cx).await?, _limit: limit })
    }

    /// How many keys are in use.
    pub fn keys(&self) -> usize {
        self.limits.len()
    }

    fn enter(&self, key: &K) -> Entered<K, ConcurrencyLimit> {
        self.limits.enter(key, || ConcurrencyLimit::new(self.most))
    }
}

impl<K> Clone for KeyedConcurrencyLimit<K> {
    fn clone(&self) -> Self {
        Self { most: self.most, limits: self.limits.clone() }
    }
}

impl<K> fmt::Debug for KeyedConcurrencyLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedConcurrencyLimit").field("most", &self.most).finish_non_exhaustive()
    }
}

/// A place of a [`KeyedConcurrencyLimit`], taken until this is dropped.
#[must_use = "the place is free again when this is dropped"]
pub struct KeyedPermit<K: Hash + Eq> {
    // Dropped first: afterwards it shows whether anybody still uses the key.
    _permit: Permit,
    _limit: Entered<K, ConcurrencyLimit>,
}

impl<K: Hash + Eq> fmt::Debug for KeyedPermit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPermit").finish_non_exhaustive()
    }
}
