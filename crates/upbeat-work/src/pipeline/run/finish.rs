//! What comes of a run.

use std::{sync::Arc, time::Instant};

use crate::pipeline::{
    control::{Control, RunSection, SectionOutcome},
    engine::{Engine, FusedStages, SinkEnd},
    outcome::{PipelineError, PipelineFailure, PipelineReport},
    sink::{FailureSink, Pack, Sink},
    source::Source,
    stage::StageChain,
};

pub(crate) type Running<S, L, P, K, H> = Engine<FusedStages<S, L, P, K, H>>;

/// What came of it, once no worker is left.
pub(crate) fn finish<S, L, P, K, H>(
    engine: Running<S, L, P, K, H>,
    sections: &[Arc<dyn RunSection + '_>],
    run: &Control,
    begun: Instant,
) -> Result<PipelineReport<K::Output>, PipelineError<K::Output>>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    run.registry().end();
    let remains = engine.into_remains();
    let SectionOutcome { mut cause, mut taken, mut dropped, mut stopped } = remains.outcome;
    // From back to front: what ends a section also ends those before it, which know less of why.
    for section in sections.iter().rev() {
        let outcome = section.outcome();
        cause = cause.or(outcome.cause);
        dropped += outcome.dropped;
        (taken, stopped) = (outcome.taken, outcome.stopped);
    }
    let report = remains.sink.map(|exit| {
        let SinkEnd { mut sink, mut failures } = exit;
        if let Err(error) = sink.finish() {
            // The first cause counts: a writer that has failed is likely to fail again here.
            cause.get_or_insert(PipelineFailure::Sink(error));
        }
        let state = std::mem::take(failures.state());
        PipelineReport {
            output: sink.into_output(),
            taken,
            emitted: state.emitted,
            failed: state.failed,
            panicked: state.panicked,
            passed: run.passed(),
            dropped,
            failures: state.kept,
            stopped: stopped && cause.is_none(),
            elapsed: begun.elapsed(),
        }
    });
    match (cause, report) {
        (None, Some(report)) => Ok(report),
        // Only a worker that panics loses the sink, and that is a cause.
        (cause, report) => Err(PipelineError::new(cause.unwrap_or(PipelineFailure::Overran), report)),
    }
}
