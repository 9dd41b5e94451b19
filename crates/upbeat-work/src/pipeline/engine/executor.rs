//! The steps of an engine on one batch.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use upbeat::{BoxError, diagnostics::Progress};

use super::{assembly::Assembly, fused::FusedStages};
use crate::pipeline::{
    batch::Outputs,
    control::{Control, SourceWait},
    meter::SectionMeter,
    sink::{FailureSink, Sink, SinkClosed},
    source::{Feed, Filled},
    stage::Cursor,
};

/// A batch on its way from the source to the sink.
pub(super) struct Batch<R, U> {
    raw: R,
    first: u64,
    items: u64,
    outputs: Outputs<U>,
}

impl<R: Default, U> Default for Batch<R, U> {
    fn default() -> Self {
        Self { raw: R::default(), first: 0, items: 0, outputs: Outputs::default() }
    }
}

impl<R, U> Batch<R, U> {
    /// Takes items from the source.
    pub(super) fn fill(
        &mut self,
        source: &mut impl Feed<R>,
        want: usize,
        waiting: &SourceWait,
    ) -> Result<Filled, BoxError> {
        let filled = source.fill(&mut self.raw, want, waiting)?;
        self.first = filled.first;
        self.items = filled.items;
        Ok(filled)
    }

    /// Empties the batch, and returns how many items of the source were in it.
    pub(super) fn discard<S: Feed<R>>(&mut self) -> u64 {
        S::clear(&mut self.raw);
        self.outputs.clear();
        std::mem::take(&mut self.items)
    }
}

/// A sink, and the receiver of failures, which go with it to be in the same order.
pub(crate) struct SinkEnd<K, H> {
    pub(crate) sink: K,
    pub(crate) failures: H,
}

/// The steps of an engine on one batch.
pub(super) struct Executor<A: Assembly> {
    pub(super) stages: A::Stages,
    /// The names of the stages, and last that of the sink.
    pub(super) names: Arc<[Arc<str>]>,
    pub(super) control: Control,
    pub(super) meter: Arc<SectionMeter>,
    /// Whether emitted items have left the pipeline.
    pub(super) is_last: bool,
    pub(super) progress: Option<Arc<Progress>>,
}

impl<A: Assembly> Executor<A> {
    /// Runs the stages. Returns whether the time that it takes is that of its items.
    pub(super) fn work(&self, batch: &mut Batch<A::Raw, A::Unit>) -> bool {
        let Batch { raw, first, items, outputs } = batch;
        let cursor = Cursor::new(self.names.clone(), *first);
        let sink = self.names.len() - 1;
        let is_watched = self.meter.is_watched();
        if is_watched && let Some(laps) = self.meter.laps(*items) {
            let laps = self.stages.run_timed(raw, cursor, sink, outputs, laps);
            self.meter.add_laps(&laps);
            self.meter.add_work(*items, Duration::ZERO);
            return false;
        }
        let begun = is_watched.then(Instant::now);
        self.stages.run(raw, cursor, sink, outputs);
        if let Some(begun) = begun {
            self.meter.add_work(*items, begun.elapsed());
        }
        true
    }

    /// Emits the outputs, and leaves the batch empty.
    pub(super) fn emit(
        &self,
        end: &mut SinkEnd<A::Sink, A::Failures>,
        batch: &mut Batch<A::Raw, A::Unit>,
    ) -> Result<(), SinkClosed> {
        let SinkEnd { sink, failures } = end;
        let emitted = sink.emit(&mut batch.outputs, failures);
        self.meter.emitted.store(failures.state().emitted, Relaxed);
        self.meter.failed.store(failures.state().failed, Relaxed);
        self.control.count_failures_as_items(batch.outputs.failures_as_items);
        self.control.progress(if self.is_last { batch.items } else { 0 });
        if let Some(progress) = &self.progress {
            progress.add(batch.items);
        }
        batch.discard::<A::Source>();
        emitted
    }
}
