//! How fast a pipeline is, and where its time goes.

mod gauge;
mod laps;
mod number;
mod reading;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

pub(crate) use gauge::{Activity, Gauge, JointFill, Shift};
pub(crate) use laps::Laps;
use parking_lot::Mutex;
pub use reading::{Bottleneck, MeterReading, SectionReading, StageReading};

/// Shows what a pipeline does, from any thread, while it runs and afterwards. A cheap clone. Made by [`Runnable::meter`](crate::Runnable::meter).
///
/// ```
/// use upbeat_work::Pipeline;
///
/// let run = Pipeline::from_iter(0..200_u64)
///     .map(|n| (0..20_000).fold(n, |hash, n| std::hint::black_box(hash * 31 + n) % 1_000_003))
///     .name("hash")
///     .for_each(drop);
/// let meter = run.meter();
/// run.run()?;
/// let reading = meter.read();
/// assert_eq!((reading.taken, reading.emitted), (200, 200));
/// println!("{reading}"); // 200 items, 4.0 k/s, 97 % in hash, window 0/8
/// for stage in &reading.sections[0].stages {
///     println!("{:.0} % in {}, {:?} for an item", stage.share * 100.0, stage.name, stage.per_item);
/// }
/// # Ok::<_, upbeat_work::PipelineError<()>>(())
/// ```
#[derive(Clone)]
pub struct Meter(pub(crate) Arc<Board>);

impl Meter {
    /// What it shows now. Before the pipeline runs there is nothing to see.
    pub fn read(&self) -> MeterReading {
        let elapsed = self.0.elapsed();
        let sections = self.0.gauges.lock().iter().map(|gauge| gauge.read(elapsed)).collect();
        MeterReading::new(elapsed, sections)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.read()).finish()
    }
}

/// The gauges of all sections.
#[derive(Default)]
pub(crate) struct Board {
    /// Whether anybody wants to know. Until then no clock is read for it.
    is_watched: Arc<AtomicBool>,
    /// From front to back.
    gauges: Mutex<Vec<Arc<Gauge>>>,
    begun: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

impl Board {
    pub(crate) fn watch(&self) {
        self.is_watched.store(true, Relaxed);
    }

    pub(crate) fn is_watched(&self) -> Arc<AtomicBool> {
        self.is_watched.clone()
    }

    pub(crate) fn add(&self, gauge: Arc<Gauge>) {
        self.gauges.lock().push(gauge);
    }

    pub(crate) fn begin(&self) {
        let _ = self.begun.set(Instant::now());
    }

    pub(crate) fn end(&self) {
        let _ = self.ended.set(Instant::now());
    }

    fn elapsed(&self) -> Duration {
        let Some(begun) = self.begun.get() else { return Duration::ZERO };
        let now = self.ended.get().copied().unwrap_or_else(Instant::now);
        now.saturating_duration_since(*begun)
    }
}
