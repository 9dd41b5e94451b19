//! A writer as a sink.

use std::{fmt, io::Write};

use upbeat::{BoxError, panic::Panic};

use super::traits::{FailureSink, Pack, Packs, Sink, SinkClosed, private::Sealed};
use crate::pipeline::{batch::Outputs, outcome::PipelineFailure};

/// Has workers write items as bytes, one behind the other into the batch's own buffer, so that nothing is allocated per item.
pub struct Format<F>(pub(crate) F);

impl<F: Send + Sync> Packs for Format<F> {
    const MAY_FAIL: bool = true;
}

impl<T, E: Into<BoxError>, F: Fn(T, &mut Vec<u8>) -> Result<(), E> + Send + Sync> Pack<T, u8> for Format<F> {
    #[inline]
    fn pack(&self, item: T, outputs: &mut Vec<u8>) -> Result<(), BoxError> {
        (self.0)(item, outputs).map_err(Into::into)
    }
}

impl<F> Sealed for Format<F> {}

impl<F> fmt::Debug for Format<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Format")
    }
}

/// The sink of [`Pipeline::write`](crate::Pipeline::write): one `write_all` for each batch.
pub struct Written<W>(pub(crate) W);

impl<W: Write> Written<W> {
    fn guarded(&mut self, write: impl FnOnce(&mut W) -> std::io::Result<()>) -> Result<(), BoxError> {
        match Panic::catch(|| write(&mut self.0)) {
            Ok(written) => written.map_err(Into::into),
            Err(panic) => Err(panic.into()),
        }
    }

    /// There are no such bytes where a stage took more out of the tray than it had put in.
    fn put(
        &mut self,
        bytes: Option<&[u8]>,
        items: u64,
        failures: &mut impl FailureSink,
    ) -> Result<(), PipelineFailure> {
        let bytes = bytes.unwrap_or_default();
        if !bytes.is_empty() {
            self.guarded(|to| to.write_all(bytes)).map_err(PipelineFailure::Sink)?;
        }
        failures.state().emitted += items;
        Ok(())
    }
}

impl<W: Write + Send> Sink for Written<W> {
    type Unit = u8;
    type Output = W;

    fn emit(&mut self, outputs: &mut Outputs<u8>, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        let (mut units, mut items) = (0, 0);
        for failed in outputs.failures.drain(..) {
            self.put(outputs.units.get(units..failed.units), failed.items - items, failures)?;
            (units, items) = (failed.units, failed.items);
            failures.take(failed.failure)?;
        }
        self.put(outputs.units.get(units..), outputs.items - items, failures)?;
        outputs.units.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.guarded(Write::flush)
    }

    fn into_output(self) -> W {
        self.0
    }
}

impl<W> Sealed for Written<W> {}

impl<W> fmt::Debug for Written<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}
