//! The time of one worker, by activity.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// The activity of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Activity {
    /// Waits for other workers to leave the source.
    AwaitSource,
    /// Has the source: fills a batch, or waits for the first item of one.
    Source,
    /// Waits for the window.
    AwaitWindow,
    Work,
    /// Has the sink.
    Sink,
}

const ACTIVITIES: usize = 5;
/// The state of a worker that has not begun, or has ended.
const OFF: u64 = 7;
/// The number of low bits of a state that hold the activity. The bits above hold its start.
const BITS: u32 = 3;

/// Nanoseconds of each [`Activity`].
pub(super) type ActivityTimes = [u64; ACTIVITIES];

/// The times of one worker. Only that worker writes them.
#[derive(Debug)]
pub(super) struct WorkerMeter {
    times: [AtomicU64; ACTIVITIES],
    state: AtomicU64,
}

impl WorkerMeter {
    pub(super) fn new() -> Self {
        Self { times: Default::default(), state: AtomicU64::new(OFF) }
    }

    /// Adds this worker's times, up to `now`.
    pub(super) fn add_to(&self, sums: &mut ActivityTimes, now: u64) {
        for (sum, time) in sums.iter_mut().zip(&self.times) {
            *sum += time.load(Relaxed);
        }
        let state = self.state.load(Relaxed);
        if let Ok(at) = usize::try_from(state & OFF)
            && let Some(sum) = sums.get_mut(at)
        {
            *sum += now.saturating_sub(state >> BITS);
        }
    }
}

/// The span from the begin to the end of a worker. Without a meter it does nothing.
pub(crate) struct MeterSpan<'a>(Option<(Instant, &'a WorkerMeter)>);

impl<'a> MeterSpan<'a> {
    pub(super) fn new(meter: Option<(Instant, &'a WorkerMeter)>) -> Self {
        Self(meter)
    }

    /// Begins another activity.
    pub(crate) fn turn_to(&self, activity: Activity) {
        self.change(activity as u64);
    }

    fn change(&self, to: u64) {
        let Some((epoch, worker)) = self.0 else { return };
        let now = nanos_since(epoch);
        let state = worker.state.load(Relaxed);
        if let Ok(at) = usize::try_from(state & OFF)
            && let Some(time) = worker.times.get(at)
        {
            // No other thread writes it.
            time.store(time.load(Relaxed) + now.saturating_sub(state >> BITS), Relaxed);
        }
        worker.state.store(now << BITS | to, Relaxed);
    }
}

impl Drop for MeterSpan<'_> {
    fn drop(&mut self) {
        self.change(OFF);
    }
}

pub(super) fn nanos_since(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
