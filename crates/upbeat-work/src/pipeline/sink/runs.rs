//! Runs of items between failures.

use super::traits::{FailureSink, SinkClosed};
use crate::pipeline::batch::Outputs;

/// A sink that takes runs of items.
pub(super) trait EmitRun<T> {
    fn emit_run(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        failures: &mut impl FailureSink,
    ) -> Result<(), SinkClosed>;
}

/// Emits the items before each failure, then the failure, and at last the items behind all
/// failures.
pub(super) fn emit_runs<T>(
    sink: &mut impl EmitRun<T>,
    outputs: &mut Outputs<T>,
    failures: &mut impl FailureSink,
) -> Result<(), SinkClosed> {
    let mut items = outputs.units.drain(..);
    let mut at = 0;
    for failed in outputs.failures.drain(..) {
        sink.emit_run(items.by_ref().take(failed.units - at), failures)?;
        at = failed.units;
        failures.take(failed.failure)?;
    }
    sink.emit_run(items, failures)
}
