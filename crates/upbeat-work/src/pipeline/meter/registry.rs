//! The meters of a pipeline.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{link::LinkFill, reading::MeterReading, section::SectionMeter};
use crate::pipeline::stage::SharedName;

/// The meters of all sections of a pipeline.
#[derive(Default)]
pub(crate) struct MeterRegistry {
    /// Until it is set, no clock is read for the meters.
    is_watched: Arc<AtomicBool>,
    /// From front to back.
    meters: Mutex<Vec<Arc<SectionMeter>>>,
    begun: OnceLock<Instant>,
    ended: OnceLock<Instant>,
}

impl MeterRegistry {
    /// Starts measuring.
    pub(crate) fn watch(&self) {
        self.is_watched.store(true, Relaxed);
    }

    /// Adds a section of fused stages.
    pub(crate) fn fused(
        &self,
        workers: usize,
        window: usize,
        buffer: Option<Arc<LinkFill>>,
        names: Arc<[Arc<str>]>,
    ) -> Arc<SectionMeter> {
        self.add(SectionMeter::fused(self.is_watched.clone(), workers, window, buffer, names))
    }

    /// Adds a section of futures.
    pub(crate) fn futures(&self, max: usize, buffer: Arc<LinkFill>, name: SharedName) -> Arc<SectionMeter> {
        self.add(SectionMeter::futures(self.is_watched.clone(), max, buffer, name))
    }

    fn add(&self, meter: SectionMeter) -> Arc<SectionMeter> {
        let meter = Arc::new(meter);
        self.meters.lock().push(meter.clone());
        meter
    }

    pub(crate) fn begin(&self) {
        let _ = self.begun.set(Instant::now());
    }

    pub(crate) fn end(&self) {
        let _ = self.ended.set(Instant::now());
    }

    pub(super) fn read(&self) -> MeterReading {
        let elapsed = self.elapsed();
        let sections = self.meters.lock().iter().map(|meter| meter.read(elapsed)).collect();
        MeterReading::new(elapsed, sections)
    }

    fn elapsed(&self) -> Duration {
        let Some(begun) = self.begun.get() else { return Duration::ZERO };
        let now = self.ended.get().copied().unwrap_or_else(Instant::now);
        now.saturating_duration_since(*begun)
    }
}
