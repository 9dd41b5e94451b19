//! Receivers of failures.

use std::fmt;

use upbeat::panic::Panic;

use super::{outbox::Outbox, state::SinkState, traits::FailureSink};
use crate::pipeline::{
    control::Control,
    outcome::{ItemFailure, PipelineFailure, PipelineReport},
};

/// A receiver that keeps the first failures for the report.
#[derive(Debug, Default)]
pub struct KeepFailures {
    state: SinkState,
}

impl FailureSink for KeepFailures {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        if self.state.failures.len() < PipelineReport::<()>::MAX_FAILURES {
            self.state.failures.push(failure);
        }
        Ok(())
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

/// The receiver of [`Runnable::failures_to`](crate::pipeline::Runnable::failures_to).
pub struct CallWithFailures<F> {
    pub(crate) call: F,
    pub(crate) state: SinkState,
}

impl<F: FnMut(ItemFailure) + Send> FailureSink for CallWithFailures<F> {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        Panic::catch(|| (self.call)(failure)).map_err(|panic| PipelineFailure::Sink(panic.into()))
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

impl<F> fmt::Debug for CallWithFailures<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallWithFailures").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The receiver of [`Runnable::send_failures_to`](crate::pipeline::Runnable::send_failures_to).
pub struct SendFailures {
    pub(crate) to: Outbox<ItemFailure>,
    pub(crate) control: Control,
    pub(crate) state: SinkState,
}

impl FailureSink for SendFailures {
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure> {
        let failure = self.state.count(failure)?;
        self.to.put(failure);
        // An error without a cause means that everything is dropped, and so is the failure.
        self.to.send(&self.control).or_else(|cause| cause.map_or(Ok(()), Err))
    }

    fn state(&mut self) -> &mut SinkState {
        &mut self.state
    }
}

impl fmt::Debug for SendFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFailures").field("state", &self.state).finish_non_exhaustive()
    }
}
