//! The times of the stages of a section.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    laps::{self, LapTimes},
    reading::StageReading,
};
use crate::pipeline::stage::SharedName;

/// The share of the work that timing a batch may cost, as a divisor.
const COST: u64 = 100;
/// The nanoseconds of reading the clock that are allowed at once, so that short runs are timed too.
const ADVANCE: u64 = 20_000;

/// The times of fused stages, of which some batches are timed.
#[derive(Debug)]
pub(super) struct FusedTimes {
    names: Arc<[Arc<str>]>,
    /// Nanoseconds of each stage, and of taking items out of batches, in the timed batches.
    times: Box<[AtomicU64]>,
    /// The items that were worked on.
    items: AtomicU64,
    /// The nanoseconds of reading the clock that the work since the last timed batch allows.
    credit: AtomicU64,
    /// The cost of reading the clock, measured once for each pipeline.
    clock_cost: OnceLock<u64>,
}

impl FusedTimes {
    pub(super) fn new(names: Arc<[Arc<str>]>) -> Self {
        Self {
            times: (0..=names.len()).map(|_| AtomicU64::new(0)).collect(),
            names,
            items: AtomicU64::new(0),
            credit: AtomicU64::new(ADVANCE),
            clock_cost: OnceLock::new(),
        }
    }

    /// Returns the times for a batch of `items` items, unless timing it costs too much.
    pub(super) fn laps(&self, items: u64) -> Option<LapTimes> {
        let clock_cost = *self.clock_cost.get_or_init(laps::clock_cost);
        let cost = items.saturating_mul(self.times.len() as u64).saturating_mul(clock_cost.max(1));
        let spend = |credit: u64| credit.checked_sub(cost);
        self.credit.fetch_update(Relaxed, Relaxed, spend).ok()?;
        Some(LapTimes::new(self.times.len() - 1, clock_cost))
    }

    pub(super) fn add_laps(&self, laps: &LapTimes) {
        for (sum, time) in self.times.iter().zip(laps.times()) {
            sum.fetch_add(*time, Relaxed);
        }
    }

    pub(super) fn add_work(&self, items: u64, elapsed: Duration) {
        self.items.fetch_add(items, Relaxed);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.credit.fetch_add(nanos / COST, Relaxed);
    }

    /// Returns the readings, where all workers have worked `work` nanoseconds, which is the share
    /// `working` of their time.
    pub(super) fn read(&self, work: u64, working: f64) -> Vec<StageReading> {
        let times: Vec<_> = self.times.iter().map(|time| time.load(Relaxed)).collect();
        let (sum, items) = (times.iter().sum::<u64>() as f64, self.items.load(Relaxed));
        let stage = |(name, time): (&Arc<str>, u64)| {
            let of_work = share(time, sum);
            let per_item = if items > 0 { of_work * work as f64 / items as f64 } else { 0.0 };
            StageReading {
                name: name.clone(),
                share: of_work,
                per_item: Duration::from_secs_f64(per_item / 1e9),
                load: of_work * working,
            }
        };
        self.names.iter().zip(times).map(stage).collect()
    }
}

/// The times of an asynchronous stage.
#[derive(Debug)]
pub(super) struct FutureTimes {
    name: SharedName,
    /// Nanoseconds that futures were in flight, summed over all futures.
    busy: AtomicU64,
    /// The futures that have finished.
    finished: AtomicU64,
    /// When the number in flight was set last.
    since: AtomicU64,
}

impl FutureTimes {
    pub(super) fn new(name: SharedName) -> Self {
        Self { name, busy: AtomicU64::new(0), finished: AtomicU64::new(0), since: AtomicU64::new(0) }
    }

    /// Adds the time up to `now` of the futures that were in flight, and the finished futures.
    pub(super) fn add(&self, now: u64, in_flight: usize, finished: u64) {
        let elapsed = now.saturating_sub(self.since.swap(now, Relaxed));
        self.busy.fetch_add(elapsed.saturating_mul(in_flight as u64), Relaxed);
        self.finished.fetch_add(finished, Relaxed);
    }

    /// Returns the reading at `now`, where `all` is the time of all futures that are allowed.
    pub(super) fn read(&self, now: u64, in_flight: usize, all: f64) -> StageReading {
        let elapsed = now.saturating_sub(self.since.load(Relaxed));
        let busy = self.busy.load(Relaxed).saturating_add(elapsed.saturating_mul(in_flight as u64));
        let finished = self.finished.load(Relaxed);
        StageReading {
            name: self.name.lock().clone(),
            share: 1.0,
            per_item: Duration::from_nanos(busy.checked_div(finished).unwrap_or(0)),
            load: share(busy, all),
        }
    }
}

/// Returns the share of `of` that the nanoseconds are, at most 1.
pub(super) fn share(nanos: u64, of: f64) -> f64 {
    if of > 0.0 { (nanos as f64 / of).min(1.0) } else { 0.0 }
}
