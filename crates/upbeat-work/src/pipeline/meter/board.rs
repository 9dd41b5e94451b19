//! The gauges of a pipeline.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{fill::JointFill, gauge::Gauge, reading::MeterReading};
use crate::pipeline::stage::Name;

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

    /// The gauge of a section of fused stages.
    pub(crate) fn fused(
        &self,
        workers: usize,
        window: usize,
        joint: Option<Arc<JointFill>>,
        names: Arc<[Arc<str>]>,
    ) -> Arc<Gauge> {
        self.add(Gauge::fused(self.is_watched.clone(), workers, window, joint, names))
    }

    /// The gauge of a section of futures.
    pub(crate) fn futures(&self, most: usize, joint: Arc<JointFill>, name: Name) -> Arc<Gauge> {
        self.add(Gauge::futures(self.is_watched.clone(), most, joint, name))
    }

    fn add(&self, gauge: Gauge) -> Arc<Gauge> {
        let gauge = Arc::new(gauge);
        self.gauges.lock().push(gauge.clone());
        gauge
    }

    pub(super) fn read(&self) -> MeterReading {
        let elapsed = self.elapsed();
        let sections = self.gauges.lock().iter().map(|gauge| gauge.read(elapsed)).collect();
        MeterReading::new(elapsed, sections)
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
