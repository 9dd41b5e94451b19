//! The size of batches.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// The rough cost of waking a worker, on both sides.
const WAKE_COST: Duration = Duration::from_micros(20);

/// Adapts the size of batches to the time that they take.
///
/// Workers overwrite each other's sizes, which does no harm: each of them is a fair estimate.
pub(crate) struct BatchTuner {
    want: AtomicUsize,
    max: usize,
    batch_time: Duration,
    /// The nanoseconds that a worker was away from the source with its last batch.
    away: AtomicU64,
}

impl BatchTuner {
    pub(crate) fn new(first: usize, max: usize, batch_time: Duration) -> Self {
        let max = max.max(1);
        Self { want: AtomicUsize::new(first.clamp(1, max)), max, batch_time, away: AtomicU64::new(0) }
    }

    /// Returns the size of the next batch.
    pub(crate) fn want(&self) -> usize {
        self.want.load(Relaxed)
    }

    /// Adapts the size to a batch of this size that took so long.
    ///
    /// One step at most doubles the size or divides it by four: a batch during which the thread was
    /// suspended says nothing about its items.
    pub(crate) fn worked(&self, size: usize, elapsed: Duration) {
        let want = self.want();
        let ideal = size as u128 * self.batch_time.as_nanos() / elapsed.as_nanos().max(1);
        let ideal = usize::try_from(ideal).unwrap_or(usize::MAX);
        // The time of a small batch may be its own overhead. It counts only if batches have to be
        // small.
        if size * 2 < want && ideal > want / 4 {
            return;
        }
        let next = ideal.clamp(want / 4, want.saturating_mul(2)).clamp(1, self.max);
        if next != want {
            self.want.store(next, Relaxed);
        }
    }

    pub(crate) fn was_away(&self, elapsed: Duration) {
        self.away.store(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Returns whether a worker stays away for so long that another one should take the source.
    pub(crate) fn is_worth_waking(&self) -> bool {
        u128::from(self.away.load(Relaxed)) >= WAKE_COST.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::options::Section;

    #[test]
    fn a_batch_grows_up_to_its_time() {
        let items_in = |batch_time| {
            let tuner = BatchTuner::new(1, 4096, batch_time);
            for _ in 0..20 {
                let size = tuner.want();
                tuner.worked(size, Duration::from_micros(10) * u32::try_from(size).unwrap());
            }
            tuner.want()
        };
        assert_eq!(items_in(Section::new().batch_time), 5);
        assert_eq!(items_in(Duration::from_millis(1)), 100);
        assert_eq!(items_in(Duration::from_secs(1)), 4096);
        assert_eq!(items_in(Duration::ZERO), 1);
    }
}
