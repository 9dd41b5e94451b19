//! What the engine drives: the stages and the sink of a pipeline, with their types.

use std::{
    marker::PhantomData,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use upbeat::{BoxError, Progress};

use super::{plan::Plan, timed::Timed};
use crate::pipeline::{
    batch::Tray,
    control::{Run, Waiting},
    meter::Gauge,
    sink::{Bottom, Failures, NoMore, Pack, Sink},
    source::{Filled, Source},
    stage::{Account, Line},
};

pub(crate) struct Fused<S, L, P, K, H> {
    pub(crate) line: L,
    pub(crate) pack: P,
    pub(crate) stages: Arc<[Arc<str>]>,
    pub(crate) run: Run,
    pub(crate) gauge: Arc<Gauge>,
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
    tray: Tray<U>,
}

impl<R: Default, U> Default for Batch<R, U> {
    fn default() -> Self {
        Self { raw: R::default(), first: 0, items: 0, tray: Tray::default() }
    }
}

/// The sink's side: with the sink goes what must be in the same order.
pub(crate) struct Exit<K, H> {
    pub(crate) sink: K,
    pub(crate) failures: H,
}

impl<S, L, P, K, H> Plan for Fused<S, L, P, K, H>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    type Source = S;
    type Sink = Exit<K, H>;
    type Batch = Batch<S::Batch, K::Unit>;

    fn fill(
        &self,
        source: &mut S,
        batch: &mut Self::Batch,
        want: usize,
        waiting: &Waiting,
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
        let mut bottom = Bottom {
            account: Account::new(self.stages.clone(), batch.first),
            pack: &self.pack,
            at: self.stages.len() - 1,
            tray: &mut batch.tray,
            whole: 0,
        };
        let mut is_typical = true;
        if self.gauge.is_watched() {
            (bottom, is_typical) = self.watched(bottom, &mut batch.raw, batch.items);
        } else {
            self.line.run(&mut batch.raw, &mut bottom);
        }
        bottom.count();
        let passed = bottom.account.passed();
        batch.tray.passed = passed;
        is_typical
    }

    fn emit(&self, exit: &mut Exit<K, H>, batch: &mut Self::Batch) -> Result<(), NoMore> {
        let Exit { sink, failures } = exit;
        let emitted = sink.emit(&mut batch.tray, failures);
        self.gauge.emitted.store(failures.tally().emitted, Relaxed);
        self.gauge.failed.store(failures.tally().failed, Relaxed);
        self.run.pass(batch.tray.passed);
        self.run.progress(if self.is_last { batch.items } else { 0 });
        if let Some(progress) = &self.progress {
            progress.add(batch.items);
        }
        self.discard(batch);
        emitted
    }

    fn discard(&self, batch: &mut Self::Batch) -> u64 {
        S::clear(&mut batch.raw);
        batch.tray.clear();
        std::mem::take(&mut batch.items)
    }
}

impl<S, L, P, K, H> Fused<S, L, P, K, H>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    /// Takes a batch through the stages for a meter; some of them against the clock, which takes longer.
    fn watched<'a>(
        &self,
        mut bottom: Bottom<'a, P, K::Unit>,
        raw: &mut S::Batch,
        items: u64,
    ) -> (Bottom<'a, P, K::Unit>, bool) {
        if let Some(laps) = self.gauge.laps(items) {
            let at = bottom.at;
            let mut timed = Timed { out: bottom, laps, at };
            self.line.run(raw, &mut timed);
            timed.laps.begin();
            self.gauge.timed(&timed.laps);
            self.gauge.worked(items, Duration::ZERO);
            return (timed.out, false);
        }
        let begun = Instant::now();
        self.line.run(raw, &mut bottom);
        self.gauge.worked(items, begun.elapsed());
        (bottom, true)
    }
}
