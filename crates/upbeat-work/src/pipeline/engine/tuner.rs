//! How large a batch should be.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// What it costs to wake a worker, roughly, on both sides.
const WAKING: Duration = Duration::from_micros(20);

/// Learns from each batch. Workers overwrite each other's lessons, which does no harm: each of them is a fair guess.
pub(crate) struct BatchTuner {
    want: AtomicUsize,
    most: usize,
    aim: Duration,
    /// How long a worker was away from the source with its last batch, in nanoseconds.
    away: AtomicU64,
}

impl BatchTuner {
    pub(crate) fn new(first: usize, most: usize, aim: Duration) -> Self {
        let most = most.max(1);
        Self { want: AtomicUsize::new(first.clamp(1, most)), most, aim, away: AtomicU64::new(0) }
    }

    pub(crate) fn want(&self) -> usize {
        self.want.load(Relaxed)
    }

    /// A batch of this size took so long. One step never more than doubles the size or divides it by more than four: a batch during which the
    /// thread was suspended says nothing about its items.
    pub(crate) fn worked(&self, size: usize, took: Duration) {
        let want = self.want();
        let ideal = size as u128 * self.aim.as_nanos() / took.as_nanos().max(1);
        let ideal = usize::try_from(ideal).unwrap_or(usize::MAX);
        // What a small batch shows may be its own overhead. It only counts if it was small because it had to be.
        if size * 2 < want && ideal > want / 4 {
            return;
        }
        let next = ideal.clamp(want / 4, want.saturating_mul(2)).clamp(1, self.most);
        if next != want {
            self.want.store(next, Relaxed);
        }
    }

    pub(crate) fn was_away(&self, took: Duration) {
        self.away.store(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether a worker stays away for so long that another one should take its place at the source.
    pub(crate) fn is_worth_waking(&self) -> bool {
        u128::from(self.away.load(Relaxed)) >= WAKING.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::options::Section;

    #[test]
    fn a_batch_grows_until_it_takes_what_it_should() {
        let items_in = |aim| {
            let tuning = BatchTuner::new(1, 4096, aim);
            for _ in 0..20 {
                let size = tuning.want();
                tuning.worked(size, Duration::from_micros(10) * u32::try_from(size).unwrap());
            }
            tuning.want()
        };
        assert_eq!(items_in(Section::new().batch_time), 5);
        assert_eq!(items_in(Duration::from_millis(1)), 100);
        assert_eq!(items_in(Duration::from_secs(1)), 4096);
        assert_eq!(items_in(Duration::ZERO), 1);
    }
}
