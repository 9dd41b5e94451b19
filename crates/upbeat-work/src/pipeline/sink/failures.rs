//! Where failures go.

use std::fmt;

use upbeat::panic::Panic;

use super::{
    outbox::Outbox,
    state::SinkState,
    traits::{FailureSink, private::Sealed},
};
use crate::pipeline::{
    control::Control,
    outcome::{ItemFailure, PipelineFailure, PipelineReport},
};

/// Keeps the first failures for the report.
#[derive(Debug, Default)]
pub struct KeepFailures {
    state: SinkState,
}

impl FailureSink for KeepFailures {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        if self.state.kept.len() < PipelineReport::<()>::KEPT {
            self.state.kept.push(failure);
        }
        Ok(())
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

impl Sealed for KeepFailures {}

/// Hands failures to a closure.
pub struct CallWithFailures<H> {
    pub(crate) to: H,
    pub(crate) state: SinkState,
}

impl<H: FnMut(ItemFailure) + Send> FailureSink for CallWithFailures<H> {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        // A place for failures that fails leaves none to put them.
        Panic::catch(|| (self.to)(failure)).map_err(|panic| PipelineFailure::Sink(panic.into()))
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

impl<H> Sealed for CallWithFailures<H> {}

impl<H> fmt::Debug for CallWithFailures<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWithFailures").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Sends failures to another pipeline.
pub struct SendFailures {
    pub(crate) to: Outbox<ItemFailure>,
    pub(crate) run: Control,
    pub(crate) state: SinkState,
}

impl FailureSink for SendFailures {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        self.to.put(failure);
        // Without a cause everything is dropped, and this is.
        self.to.send(&self.run).or_else(|cause| cause.map_or(Ok(()), Err))
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

impl Sealed for SendFailures {}

impl fmt::Debug for SendFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFailures").field("state", &self.state).finish_non_exhaustive()
    }
}
