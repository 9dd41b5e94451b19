//! Buckets of many keys, in bounded memory.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
    hash::Hash,
    sync::Arc,
};

use governor::{nanos::Nanos, state::StateStore};
use parking_lot::Mutex;

use super::rate::Rate;

/// The state of each key's bucket: when it will be full again.
///
/// A full bucket is what a key begins with, so forgetting one changes nothing. Only such are forgotten, when a new key needs the
/// memory: no key ever gets more than its rate because of it. A clone shares the state.
#[derive(Clone)]
pub(super) struct Buckets<K> {
    capacity: usize,
    /// In which time a bucket gets one token.
    interval: Nanos,
    /// How far a bucket may be from full and still give a token.
    tolerance: Nanos,
    state: Arc<Mutex<State<K>>>,
}

struct State<K> {
    full_at: HashMap<K, Nanos>,
    /// One entry for each key, with a time that is not later than the true one. It is set right when it gets to the top, so a token costs nothing
    /// here.
    by_time: BinaryHeap<Full<K>>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(rate: Rate, capacity: usize) -> Self {
        let interval = Nanos::from(rate.interval());
        let state = State { full_at: HashMap::new(), by_time: BinaryHeap::new() };
        Self {
            capacity: capacity.max(1),
            interval,
            tolerance: interval * u64::from(rate.most() - 1),
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().full_at.len()
    }
}

impl<K: Hash + Eq + Clone> State<K> {
    /// Forgets a bucket that is full.
    ///
    /// # Errors
    ///
    /// When there is none: the time when there will be.
    fn forget_one(&mut self, now: Nanos) -> Result<(), Nanos> {
        while let Some(mut first) = self.by_time.peek_mut() {
            match self.full_at.get(&first.key) {
                Some(&full_at) if full_at > first.at => first.at = full_at,
                Some(_) if first.at > now => return Err(first.at),
                _ => {
                    self.full_at.remove(&PeekMut::pop(first).key);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut state = self.state.lock();
        if let Some(full_at) = state.full_at.get_mut(key) {
            let (outcome, later) = decide(Some(*full_at))?;
            *full_at = later;
            return Ok(outcome);
        }
        // The bucket of a new key is full, and lacks one token now: that says what time governor thinks it is.
        let (outcome, full_at) = decide(None)?;
        let now = full_at.saturating_sub(self.interval);
        if state.full_at.len() >= self.capacity
            && let Err(first) = state.forget_one(now)
        {
            // What governor says of a bucket that is empty until then is what is to be said of a key that has no bucket until then.
            return decide(Some(first + self.tolerance)).map(|(outcome, _)| outcome);
        }
        state.by_time.push(Full { at: full_at, key: key.clone() });
        state.full_at.insert(key.clone(), full_at);
        Ok(outcome)
    }
}

/// When a key's bucket is full, at the earliest. The first is the greatest.
struct Full<K> {
    at: Nanos,
    key: K,
}

impl<K> Ord for Full<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl<K> PartialOrd for Full<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for Full<K> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<K> Eq for Full<K> {}
