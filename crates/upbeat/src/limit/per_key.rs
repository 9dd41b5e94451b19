//! Something for each key, for as long as somebody uses it.

use std::{collections::HashMap, hash::Hash, ops::Deref, sync::Arc};

use parking_lot::Mutex;

/// A value for each key that is in use. What nobody uses any more is gone, so it needs no more memory than its users do.
pub(super) struct PerKey<K, T> {
    values: Arc<Mutex<HashMap<K, Arc<T>>>>,
}

impl<K: Hash + Eq + Clone, T> PerKey<K, T> {
    pub(super) fn new() -> Self {
        Self { values: Arc::default() }
    }

    /// The key's value, made if there is none.
    pub(super) fn enter(&self, key: &K, make: impl FnOnce() -> T) -> Entered<K, T> {
        let value = self.values.lock().entry(key.clone()).or_insert_with(|| Arc::new(make())).clone();
        Entered { values: self.values.clone(), key: key.clone(), value }
    }

    /// Looks at the key's value, if there is one.
    pub(super) fn look<R>(&self, key: &K, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.values.lock().get(key).map(|value| look(value))
    }

    pub(super) fn len(&self) -> usize {
        self.values.lock().len()
    }
}

/// The use of a key's value.
pub(super) struct Entered<K: Hash + Eq, T> {
    values: Arc<Mutex<HashMap<K, Arc<T>>>>,
    key: K,
    value: Arc<T>,
}

impl<K: Hash + Eq, T> Deref for Entered<K, T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.value
    }
}

impl<K: Hash + Eq, T> Drop for Entered<K, T> {
    fn drop(&mut self) {
        let mut values = self.values.lock();
        // The map's and ours: nobody can get another one while the map is locked.
        if Arc::strong_count(&self.value) == 2 {
            values.remove(&self.key);
        }
    }
}
