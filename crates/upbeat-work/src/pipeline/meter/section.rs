//! What is counted of one section while it runs.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{
    laps::{self, LapTimes},
    link::LinkFill,
    reading::{SectionReading, StageReading},
};
use crate::pipeline::stage::SharedName;

/// What a worker does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activity {
    /// Waits for others to leave the source.
    Turn,
    /// Has the source: it fills a batch, or waits for the first item of one.
    Source,
    /// Waits for room in the window.
    Room,
    Work,
    /// Has the sink.
    Sink,
}

const ACTIVITIES: usize = 5;
/// Has not begun, or has left.
const OFF: u64 = 7;
/// An activity is in the low bits of a state, and the time since when above them.
const BITS: u32 = 3;

/// All of it is written by whoever knows it, once for each batch, and read in no order: a reading is an estimate.
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
    joint: Option<Arc<LinkFill>>,
    workers: Box<[WorkerMeter]>,
    started: AtomicUsize,
    stages: Stages,
}

#[derive(Debug)]
enum Stages {
    FusedStages {
        names: Arc<[Arc<str>]>,
        /// Nanoseconds of each stage and of what takes items out of batches, in the batches that were timed.
        times: Box<[AtomicU64]>,
        /// Items that were worked on.
        items: AtomicU64,
        /// For how many nanoseconds of reading the clock there was work since.
        credit: AtomicU64,
        /// What reading the clock takes, once it is known. Its own, so that no run depends on another one.
        look: OnceLock<u64>,
    },
    Futures {
        name: SharedName,
        /// Nanoseconds that places for futures were taken.
        busy: AtomicU64,
        /// Futures that have finished.
        items: AtomicU64,
        since: AtomicU64,
    },
}

/// A worker's own.
#[derive(Debug)]
struct WorkerMeter {
    sums: [AtomicU64; ACTIVITIES],
    state: AtomicU64,
}

/// Timing a batch may cost this share of the work.
const COST: u64 = 100;
/// What is timed at once, so that short runs have figures too, in nanoseconds of reading the clock.
const ADVANCE: u64 = 20_000;

impl SectionMeter {
    fn new(
        is_watched: Arc<AtomicBool>,
        workers: usize,
        window: usize,
        joint: Option<Arc<LinkFill>>,
        stages: Stages,
    ) -> Self {
        let worker = |_| WorkerMeter { sums: Default::default(), state: AtomicU64::new(OFF) };
        Self {
            is_watched,
            epoch: Instant::now(),
            taken: AtomicU64::new(0),
            emitted: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            window,
            joint,
            workers: (0..workers).map(worker).collect(),
            started: AtomicUsize::new(0),
            stages,
        }
    }

    pub(super) fn fused(
        is_watched: Arc<AtomicBool>,
        workers: usize,
        window: usize,
        joint: Option<Arc<LinkFill>>,
        names: Arc<[Arc<str>]>,
    ) -> Self {
        let times = (0..=names.len()).map(|_| AtomicU64::new(0)).collect();
        let (items, credit) = (AtomicU64::new(0), AtomicU64::new(ADVANCE));
        let stages = Stages::FusedStages { names, times, items, credit, look: OnceLock::new() };
        Self::new(is_watched, workers, window, joint, stages)
    }

    pub(super) fn futures(is_watched: Arc<AtomicBool>, most: usize, joint: Arc<LinkFill>, name: SharedName) -> Self {
        let zero = || AtomicU64::new(0);
        let stages = Stages::Futures { name, busy: zero(), items: zero(), since: zero() };
        Self::new(is_watched, 1, most, Some(joint), stages)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Relaxed)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A worker begins.
    pub(crate) fn begin(&self) -> MeterSpan<'_> {
        let at = self.started.fetch_add(1, Relaxed);
        MeterSpan(self.workers.get(at).filter(|_| self.is_watched()).map(|worker| (self, worker)))
    }

    pub(crate) fn is_in_flight(&self, batches: usize) {
        self.in_flight.store(batches, Relaxed);
    }

    /// What to time a batch of so many items with, unless reading the clock costs too much of the work.
    pub(crate) fn laps(&self, items: u64) -> Option<LapTimes> {
        let Stages::FusedStages { times, credit, look, .. } = &self.stages else { return None };
        let look = *look.get_or_init(laps::look);
        let cost = items.saturating_mul(times.len() as u64).saturating_mul(look.max(1));
        let spend = |credit: u64| credit.checked_sub(cost);
        credit.fetch_update(Relaxed, Relaxed, spend).ok()?;
        Some(LapTimes::new(times.len() - 1, look))
    }

    pub(crate) fn timed(&self, laps: &LapTimes) {
        if let Stages::FusedStages { times, .. } = &self.stages {
            for (sum, time) in times.iter().zip(&laps.times) {
                sum.fetch_add(*time, Relaxed);
            }
        }
    }

    /// A batch of so many items was worked on.
    pub(crate) fn worked(&self, count: u64, took: Duration) {
        if let Stages::FusedStages { items, credit, .. } = &self.stages {
            items.fetch_add(count, Relaxed);
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            credit.fetch_add(took / COST, Relaxed);
        }
    }

    /// So many futures are under way from now on, and so many have finished since this was last said.
    pub(crate) fn under_way(&self, now: usize, finished: u64) {
        if let Stages::Futures { busy, items, since, .. } = &self.stages {
            let before = self.in_flight.swap(now, Relaxed) as u64;
            let at = self.now();
            let took = at.saturating_sub(since.swap(at, Relaxed));
            busy.fetch_add(took.saturating_mul(before), Relaxed);
            items.fetch_add(finished, Relaxed);
        }
    }

    pub(super) fn read(&self, elapsed: Duration) -> SectionReading {
        let mut sums = [0_u64; ACTIVITIES];
        let now = self.now();
        for worker in &self.workers {
            for (sum, of_seat) in sums.iter_mut().zip(&worker.sums) {
                *sum += of_seat.load(Relaxed);
            }
            // What goes on counts as far as it has gone.
            let state = worker.state.load(Relaxed);
            if let Ok(at) = usize::try_from(state & OFF)
                && let Some(sum) = sums.get_mut(at)
            {
                *sum += now.saturating_sub(state >> BITS);
            }
        }
        let all = elapsed.as_nanos() as f64 * self.workers.len() as f64;
        let share = |nanos: u64, of: f64| if of > 0.0 { (nanos as f64 / of).min(1.0) } else { 0.0 };
        let of = |activity: Activity| share(sums[activity as usize], all);
        let in_flight = self.in_flight.load(Relaxed);
        let stages = match &self.stages {
            Stages::FusedStages { names, times, items, .. } => {
                let times: Vec<_> = times.iter().map(|time| time.load(Relaxed)).collect();
                let (sum, items) = (times.iter().sum::<u64>() as f64, items.load(Relaxed));
                let work = sums[Activity::Work as usize] as f64;
                let stage = |(name, time): (&Arc<str>, u64)| {
                    let of_work = share(time, sum);
                    let per_item = if items > 0 { of_work * work / items as f64 } else { 0.0 };
                    StageReading {
                        name: name.clone(),
                        share: of_work,
                        per_item: Duration::from_secs_f64(per_item / 1e9),
                        load: of_work * of(Activity::Work),
                    }
                };
                names.iter().zip(times).map(stage).collect()
            }
            Stages::Futures { name, busy, items, since } => {
                let since = since.load(Relaxed);
                let goes_on = now.saturating_sub(since).saturating_mul(in_flight as u64);
                let (busy, items) = (busy.load(Relaxed).saturating_add(goes_on), items.load(Relaxed));
                vec![StageReading {
                    name: name.lock().clone(),
                    share: 1.0,
                    per_item: Duration::from_nanos(busy.checked_div(items).unwrap_or(0)),
                    load: share(busy, elapsed.as_nanos() as f64 * self.window as f64),
                }]
            }
        };
        let one = elapsed.as_nanos() as f64;
        SectionReading {
            workers: self.workers.len(),
            taken: self.taken.load(Relaxed),
            source: share(sums[Activity::Source as usize], one),
            sink: share(sums[Activity::Sink as usize], one),
            working: of(Activity::Work),
            turn: of(Activity::Turn),
            room: of(Activity::Room),
            in_flight,
            window: self.window,
            joint: self.joint.as_ref().map(|joint| joint.get()),
            stages,
            emitted: self.emitted.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
        }
    }
}

/// A worker from when it begins until it leaves.
pub(crate) struct MeterSpan<'a>(Option<(&'a SectionMeter, &'a WorkerMeter)>);

impl MeterSpan<'_> {
    /// It does something else from now on.
    pub(crate) fn turn_to(&self, activity: Activity) {
        self.change(activity as u64);
    }

    fn change(&self, to: u64) {
        let Some((meter, worker)) = self.0 else { return };
        let now = meter.now();
        let state = worker.state.load(Relaxed);
        if let Ok(at) = usize::try_from(state & OFF)
            && let Some(sum) = worker.sums.get(at)
        {
            // Nobody else writes it.
            sum.store(sum.load(Relaxed) + now.saturating_sub(state >> BITS), Relaxed);
        }
        worker.state.store(now << BITS | to, Relaxed);
    }
}

impl Drop for MeterSpan<'_> {
    fn drop(&mut self) {
        self.change(OFF);
    }
}
