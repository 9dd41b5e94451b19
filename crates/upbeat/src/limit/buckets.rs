//! The token buckets of many keys, in bounded memory.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, binary_heap::PeekMut},
    hash::Hash,
    sync::Arc,
};

use governor::{nanos::Nanos, state::StateStore};
use parking_lot::Mutex;

use super::rate::Rate;

/// The state of the bucket of each key: the time at which it is full again.
///
/// A new key has a full bucket. Only full buckets are evicted, so no key gets more than its rate by
/// an eviction. A clone shares the state.
#[derive(Clone)]
pub(super) struct Buckets<K> {
    capacity: usize,
    /// The time in which a bucket regains one token.
    interval: Nanos,
    /// The longest time until it is full in which a bucket still gives a token.
    tolerance: Nanos,
    state: Arc<Mutex<State<K>>>,
}

struct State<K> {
    full_at: HashMap<K, Nanos>,
    /// One entry for each key, with a time that is not later than the one in `full_at`. It is
    /// corrected when it reaches the top, so that taking a token costs nothing here.
    by_time: BinaryHeap<FullAt<K>>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(rate: Rate, capacity: usize) -> Self {
        let interval = Nanos::from(rate.interval());
        let state = State { full_at: HashMap::new(), by_time: BinaryHeap::new() };
        Self {
            capacity: capacity.max(1),
            interval,
            tolerance: interval * u64::from(rate.max_burst() - 1),
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().full_at.len()
    }
}

impl<K: Hash + Eq + Clone> State<K> {
    /// Evicts a full bucket.
    ///
    /// # Errors
    ///
    /// If no bucket is full: the time at which one is.
    fn evict_one(&mut self, now: Nanos) -> Result<(), Nanos> {
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
        // The bucket of a new key lacks exactly the token taken now, which yields governor's time.
        let (outcome, full_at) = decide(None)?;
        let now = full_at.saturating_sub(self.interval);
        if state.full_at.len() >= self.capacity
            && let Err(first) = state.evict_one(now)
        {
            // A key without a bucket until `first` is treated like a bucket that is empty until
            // then.
            return decide(Some(first + self.tolerance)).map(|(outcome, _)| outcome);
        }
        state.by_time.push(FullAt { at: full_at, key: key.clone() });
        state.full_at.insert(key.clone(), full_at);
        Ok(outcome)
    }
}

/// The earliest time at which the bucket of a key is full. The earliest is the greatest.
struct FullAt<K> {
    at: Nanos,
    key: K,
}

impl<K> Ord for FullAt<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

impl<K> PartialOrd for FullAt<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> PartialEq for FullAt<K> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<K> Eq for FullAt<K> {}
