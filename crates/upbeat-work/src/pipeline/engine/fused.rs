//! What the engine drives: the stages and the sink of a pipeline, with their types.

use std::{
    marker::PhantomData,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use upbeat::{BoxError, diagnostics::Progress};

use super::{executor::Executor, timed::Timed};
use crate::pipeline::{
    batch::Outputs,
    control::{Control, SourceWait},
    meter::SectionMeter,
    sink::{FailureSink, Pack, Sink, SinkClosed, SinkStage},
    source::{Filled, Source},
    stage::{Cursor, StageChain},
};

pub(crate) struct FusedStages<S, L, P, K, H> {
    pub(crate) line: L,
    pub(crate) pack: P,
    pub(crate) stages: Arc<[Arc<str>]>,
    pub(crate) run: Control,
    pub(crate) meter: Arc<SectionMeter>,
    /// Whether what it emits has come to the end.
    pub(crate) is_last: bool,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) of: PhantomData<Of<S, K, H>>,
}

/// It owns none of them.
type Of<S, K, H> = fn() -> (S, K, H);

pub(crate) struct Batch<R, U> {
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

/// The sink's side: with the sink goes what must be in the same order.
pub(crate) struct SinkEnd<K, H> {
    pub(crate) sink: K,
    pub(crate) failures: H,
}

impl<S, L, P, K, H> Executor for FusedStages<S, L, P, K, H>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    type Source = S;
    type Sink = SinkEnd<K, H>;
    type Batch = Batch<S::Batch, K::Unit>;

    fn fill(
        &self,
        source: &mut S,
        batch: &mut Self::Batch,
        want: usize,
        waiting: &SourceWait,
    ) -> Result<Filled, BoxError> {
        let filled = source.fill(&mut batch.raw, want, waiting)?;
        batch.first = filled.first;
        batch.items = filled.items;
        Ok(filled)
    }

    fn close(&self, source: &mut S) -> bool {
        source.close()
    }

    fn leave(&self, source: &mut S, exit: Option<&mut Self::Sink>) -> u64 {
        if let Some(exit) = exit {
            exit.sink.leave();
        }
        source.lost()
    }

    fn work(&self, batch: &mut Self::Batch) -> bool {
        let mut bottom = SinkStage {
            cursor: Cursor::new(self.stages.clone(), batch.first),
            pack: &self.pack,
            at: self.stages.len() - 1,
            outputs: &mut batch.outputs,
            whole: 0,
        };
        let mut is_typical = true;
        if self.meter.is_watched() {
            (bottom, is_typical) = self.watched(bottom, &mut batch.raw, batch.items);
        } else {
            self.line.run(&mut batch.raw, &mut bottom);
        }
        bottom.count();
        let passed = bottom.cursor.passed();
        batch.outputs.passed = passed;
        is_typical
    }

    fn emit(&self, exit: &mut SinkEnd<K, H>, batch: &mut Self::Batch) -> Result<(), SinkClosed> {
        let SinkEnd { sink, failures } = exit;
        let emitted = sink.emit(&mut batch.outputs, failures);
        self.meter.emitted.store(failures.state().emitted, Relaxed);
        self.meter.failed.store(failures.state().failed, Relaxed);
        self.run.pass(batch.outputs.passed);
        self.run.progress(if self.is_last { batch.items } else { 0 });
        if let Some(progress) = &self.progress {
            progress.add(batch.items);
        }
        self.discard(batch);
        emitted
    }

    fn discard(&self, batch: &mut Self::Batch) -> u64 {
        S::clear(&mut batch.raw);
        batch.outputs.clear();
        std::mem::take(&mut batch.items)
    }
}

impl<S, L, P, K, H> FusedStages<S, L, P, K, H>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    /// Takes a batch through the stages for a meter; some of them against the clock, which takes longer.
    fn watched<'a>(
        &self,
        mut bottom: SinkStage<'a, P, K::Unit>,
        raw: &mut S::Batch,
        items: u64,
    ) -> (SinkStage<'a, P, K::Unit>, bool) {
        if let Some(laps) = self.meter.laps(items) {
            let at = bottom.at;
            let mut timed = Timed { out: bottom, laps, at };
            self.line.run(raw, &mut timed);
            timed.laps.begin();
            self.meter.timed(&timed.laps);
            self.meter.worked(items, Duration::ZERO);
            return (timed.out, false);
        }
        let begun = Instant::now();
        self.line.run(raw, &mut bottom);
        self.meter.worked(items, begun.elapsed());
        (bottom, true)
    }
}
