//! The meter of a section.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{
    laps::LapTimes,
    link::LinkFill,
    reading::SectionReading,
    stages::{FusedTimes, FutureTimes, share},
    worker::{Activity, ActivityTimes, MeterSpan, WorkerMeter, nanos_since},
};
use crate::pipeline::stage::SharedName;

/// The counts and times of a section while it runs.
///
/// Its workers write it once for each batch, and it is read in no order: a reading is an estimate.
#[derive(Debug)]
pub(crate) struct SectionMeter {
    is_watched: Arc<AtomicBool>,
    epoch: Instant,
    pub(crate) taken: AtomicU64,
    pub(crate) emitted: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    in_flight: AtomicUsize,
    window: usize,
    buffer: Option<Arc<LinkFill>>,
    workers: Box<[WorkerMeter]>,
    started: AtomicUsize,
    stages: StageTimes,
}

#[derive(Debug)]
enum StageTimes {
    Fused(FusedTimes),
    Futures(FutureTimes),
}

impl SectionMeter {
    fn new(
        is_watched: Arc<AtomicBool>,
        workers: usize,
        window: usize,
        buffer: Option<Arc<LinkFill>>,
        stages: StageTimes,
    ) -> Self {
        Self {
            is_watched,
            epoch: Instant::now(),
            taken: AtomicU64::new(0),
            emitted: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            window,
            buffer,
            workers: (0..workers).map(|_| WorkerMeter::new()).collect(),
            started: AtomicUsize::new(0),
            stages,
        }
    }

    pub(super) fn fused(
        is_watched: Arc<AtomicBool>,
        workers: usize,
        window: usize,
        buffer: Option<Arc<LinkFill>>,
        names: Arc<[Arc<str>]>,
    ) -> Self {
        Self::new(is_watched, workers, window, buffer, StageTimes::Fused(FusedTimes::new(names)))
    }

    pub(super) fn futures(is_watched: Arc<AtomicBool>, max: usize, buffer: Arc<LinkFill>, name: SharedName) -> Self {
        Self::new(is_watched, 1, max, Some(buffer), StageTimes::Futures(FutureTimes::new(name)))
    }

    /// Returns whether a meter is read, so that times are worth their cost.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    /// Begins the span of a worker.
    pub(crate) fn begin(&self) -> MeterSpan<'_> {
        let at = self.started.fetch_add(1, Relaxed);
        let worker = self.workers.get(at).filter(|_| self.is_watched());
        MeterSpan::new(worker.map(|worker| (self.epoch, worker)))
    }

    /// Sets the number of batches in flight.
    pub(crate) fn set_in_flight(&self, batches: usize) {
        self.in_flight.store(batches, Relaxed);
    }

    /// Returns the times for a batch of `items` items, unless timing it costs too much.
    pub(crate) fn laps(&self, items: u64) -> Option<LapTimes> {
        match &self.stages {
            StageTimes::Fused(times) => times.laps(items),
            StageTimes::Futures(_) => None,
        }
    }

    pub(crate) fn add_laps(&self, laps: &LapTimes) {
        if let StageTimes::Fused(times) = &self.stages {
            times.add_laps(laps);
        }
    }

    /// Counts a batch of `items` items that took `elapsed` to work on.
    pub(crate) fn add_work(&self, items: u64, elapsed: Duration) {
        if let StageTimes::Fused(times) = &self.stages {
            times.add_work(items, elapsed);
        }
    }

    /// Sets the number of futures in flight, and counts those that have finished since.
    pub(crate) fn set_futures(&self, in_flight: usize, finished: u64) {
        if let StageTimes::Futures(times) = &self.stages {
            let before = self.in_flight.swap(in_flight, Relaxed);
            times.add(nanos_since(self.epoch), before, finished);
        }
    }

    pub(super) fn read(&self, elapsed: Duration) -> SectionReading {
        let mut times = ActivityTimes::default();
        let now = nanos_since(self.epoch);
        for worker in &self.workers {
            worker.add_to(&mut times, now);
        }
        let one = elapsed.as_nanos() as f64;
        let of = |activity: Activity, workers: usize| share(times[activity as usize], one * workers as f64);
        let workers = self.workers.len();
        let working = of(Activity::Work, workers);
        let in_flight = self.in_flight.load(Relaxed);
        SectionReading {
            workers,
            taken: self.taken.load(Relaxed),
            source: of(Activity::Source, 1),
            sink: of(Activity::Sink, 1),
            working,
            awaiting_source: of(Activity::AwaitSource, workers),
            awaiting_window: of(Activity::AwaitWindow, workers),
            in_flight,
            window: self.window,
            buffer: self.buffer.as_ref().map(|buffer| buffer.get()),
            stages: match &self.stages {
                StageTimes::Fused(stages) => stages.read(times[Activity::Work as usize], working),
                StageTimes::Futures(stage) => vec![stage.read(now, in_flight, one * self.window as f64)],
            },
            emitted: self.emitted.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
        }
    }
}
