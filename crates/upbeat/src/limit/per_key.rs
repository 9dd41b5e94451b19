//! A value per key, for as long as it is in use.

use std::{collections::HashMap, hash::Hash, ops::Deref, sync::Arc};

use parking_lot::Mutex;

/// A value for each key that is in use. An unused value is removed, so memory follows usage.
pub(super) struct PerKey<K, T> {
    values: Arc<Mutex<HashMap<K, Arc<T>>>>,
}

impl<K: Hash + Eq + Clone, T> PerKey<K, T> {
    pub(super) fn new() -> Self {
        Self { values: Arc::default() }
    }

    /// Returns the value of the key, made by `make` if there is none.
    pub(super) fn enter(&self, key: &K, make: impl FnOnce() -> T) -> KeyUse<K, T> {
        let value = self.values.lock().entry(key.clone()).or_insert_with(|| Arc::new(make())).clone();
        KeyUse { values: self.values.clone(), key: key.clone(), value }
    }

    /// Calls `read` with the value of the key, if there is one.
    pub(super) fn with<R>(&self, key: &K, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.values.lock().get(key).map(|value| read(value))
    }

    pub(super) fn len(&self) -> usize {
        self.values.lock().len()
    }
}

/// One use of the value of a key. The last one to be dropped removes the value.
pub(super) struct KeyUse<K: Hash + Eq, T> {
    values: Arc<Mutex<HashMap<K, Arc<T>>>>,
    key: K,
    value: Arc<T>,
}

impl<K: Hash + Eq, T> Deref for KeyUse<K, T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.value
    }
}

impl<K: Hash + Eq, T> Drop for KeyUse<K, T> {
    fn drop(&mut self) {
        let mut values = self.values.lock();
        // The references of the map and of this use. No other can appear while the map is locked.
        if Arc::strong_count(&self.value) == 2 {
            values.remove(&self.key);
        }
    }
}
