//! A writer as a sink.

use std::{fmt, io::Write};

use upbeat::{BoxError, panic::Panic};

use super::traits::{FailureSink, Pack, Packer, Sink, SinkClosed};
use crate::pipeline::{batch::Outputs, outcome::PipelineFailure};

/// The workers' part of [`Pipeline::write`](crate::Pipeline::write).
///
/// It writes items one behind the other into the buffer of the batch, so that nothing is allocated
/// for an item.
pub struct Format<F>(pub(crate) F);

impl<F: Send + Sync> Packer for Format<F> {
    const MAY_FAIL: bool = true;
}

impl<T, E: Into<BoxError>, F: Fn(T, &mut Vec<u8>) -> Result<(), E> + Send + Sync> Pack<T, u8> for Format<F> {
    #[inline]
    fn pack(&self, item: T, bytes: &mut Vec<u8>) -> Result<(), BoxError> {
        (self.0)(item, bytes).map_err(Into::into)
    }
}

impl<F> fmt::Debug for Format<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Format")
    }
}

/// The sink of [`Pipeline::write`](crate::Pipeline::write), with one `write_all` for each batch.
pub struct Written<W>(pub(crate) W);

impl<W: Write> Written<W> {
    fn guarded(&mut self, write: impl FnOnce(&mut W) -> std::io::Result<()>) -> Result<(), BoxError> {
        match Panic::catch(|| write(&mut self.0)) {
            Ok(written) => written.map_err(Into::into),
            Err(panic) => Err(panic.into()),
        }
    }

    /// Writes bytes. They are `None` if the caller's closure has removed bytes of other items.
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

impl<W> fmt::Debug for Written<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}
