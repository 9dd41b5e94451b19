//! The result of a run.

use std::time::Instant;

use crate::pipeline::{
    control::{Control, SectionOutcome, Sections},
    engine::{Assembly, Engine, EngineResult, SinkEnd},
    outcome::{PipelineError, PipelineFailure, PipelineReport},
    sink::{FailureSink, Sink},
};

/// Makes the report, once no worker is left.
pub(super) fn finish<A: Assembly>(
    engine: Engine<A>,
    sections: &Sections<'_>,
    control: &Control,
    begun: Instant,
) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
    control.meters().end();
    let EngineResult { sink, outcome } = engine.into_result();
    let SectionOutcome { mut cause, mut taken, mut dropped, mut stopped } = outcome;
    // From back to front: a section that ends also ends those before it, which have no cause then.
    for section in sections.iter().rev() {
        let outcome = section.outcome();
        cause = cause.or(outcome.cause);
        dropped += outcome.dropped;
        (taken, stopped) = (outcome.taken, outcome.stopped);
    }
    let report = sink.map(|end| {
        let SinkEnd { mut sink, mut failures } = end;
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
            failures_as_items: control.failures_as_items(),
            dropped,
            failures: state.failures,
            stopped: stopped && cause.is_none(),
            elapsed: begun.elapsed(),
        }
    });
    match (cause, report) {
        (None, Some(report)) => Ok(report),
        // Only the panic of a worker loses the sink, and that is a cause.
        (cause, report) => Err(PipelineError::new(cause.unwrap_or(PipelineFailure::DeadlineExceeded), report)),
    }
}
