//! What comes of a run.

use std::{sync::Arc, time::Instant};

use crate::pipeline::{
    control::{Outcome, Run, Segment},
    engine::{Engine, Exit, Fused},
    outcome::{Cause, PipelineError, Report},
    sink::{Failures, Pack, Sink},
    source::Source,
    stage::Line,
};

pub(crate) type Running<S, L, P, K, H> = Engine<Fused<S, L, P, K, H>>;

/// What came of it, once no worker is left.
pub(crate) fn finish<S, L, P, K, H>(
    engine: Running<S, L, P, K, H>,
    segments: &[Arc<dyn Segment + '_>],
    run: &Run,
    begun: Instant,
) -> Result<Report<K::Output>, PipelineError<K::Output>>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    run.board().end();
    let remains = engine.into_remains();
    let Outcome { mut cause, mut taken, mut dropped, mut stopped } = remains.outcome;
    // From back to front: what ends a section also ends those before it, which know less of why.
    for segment in segments.iter().rev() {
        let outcome = segment.outcome();
        cause = cause.or(outcome.cause);
        dropped += outcome.dropped;
        (taken, stopped) = (outcome.taken, outcome.stopped);
    }
    let report = remains.sink.map(|exit| {
        let Exit { mut sink, mut failures } = exit;
        if let Err(error) = sink.finish() {
            // The first cause counts: a writer that has failed is likely to fail again here.
            cause.get_or_insert(Cause::Sink(error));
        }
        let tally = std::mem::take(failures.tally());
        Report {
            output: sink.into_output(),
            taken,
            emitted: tally.emitted,
            failed: tally.failed,
            panicked: tally.panicked,
            passed: run.passed(),
            dropped,
            failures: tally.kept,
            stopped: stopped && cause.is_none(),
            elapsed: begun.elapsed(),
        }
    });
    match (cause, report) {
        (None, Some(report)) => Ok(report),
        // Only a worker that panics loses the sink, and that is a cause.
        (cause, report) => Err(PipelineError::new(cause.unwrap_or(Cause::Overran), report)),
    }
}
