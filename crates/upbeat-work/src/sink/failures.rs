//! Where failures go.

use std::{fmt, sync::Arc};

use upbeat::{BoxError, Panic};

use super::outward::Outbox;
use crate::{Cause, Failure, OnFailure, Report, run::Run};

/// What becomes of failures. Sealed: see [`Runnable::failures_to`](crate::Runnable::failures_to).
pub trait Failures: Send + super::private::Sealed {
    /// # Errors
    ///
    /// When it ends the pipeline.
    #[doc(hidden)]
    fn take(&mut self, failure: Failure) -> Result<(), Cause>;

    #[doc(hidden)]
    fn tally(&mut self) -> &mut Tally;
}

/// What is known of the sink's side at any time.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Tally {
    pub(crate) policy: OnFailure,
    pub(crate) emitted: u64,
    pub(crate) failed: u64,
    pub(crate) panicked: u64,
    pub(crate) kept: Vec<Failure>,
    /// The sink's own name, for its panics.
    pub(crate) sink: Option<Arc<str>>,
}

impl Tally {
    fn count(&mut self, failure: Failure) -> Result<Failure, Cause> {
        self.failed += 1;
        self.panicked += u64::from(failure.panic().is_some());
        match self.policy {
            OnFailure::Record => Ok(failure),
            OnFailure::Stop => Err(Cause::Failed(failure)),
        }
    }

    pub(crate) fn of_sink(&self, item: u64, error: BoxError) -> Failure {
        Failure::new(self.sink.clone().unwrap_or_else(|| "sink".into()), item, None, error)
    }
}

/// Keeps the first failures for the report.
#[derive(Debug, Default)]
pub struct Keep {
    tally: Tally,
}

impl Failures for Keep {
    fn take(&mut self, failure: Failure) -> Result<(), Cause> {
        let failure = self.tally.count(failure)?;
        if self.tally.kept.len() < Report::<()>::KEPT {
            self.tally.kept.push(failure);
        }
        Ok(())
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}

impl super::private::Sealed for Keep {}

/// Hands failures to a closure.
pub struct SendTo<H> {
    pub(crate) to: H,
    pub(crate) tally: Tally,
}

impl<H: FnMut(Failure) + Send> Failures for SendTo<H> {
    fn take(&mut self, failure: Failure) -> Result<(), Cause> {
        let failure = self.tally.count(failure)?;
        // A place for failures that fails leaves none to put them.
        Panic::catch(|| (self.to)(failure)).map_err(|panic| Cause::Sink(panic.into()))
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}

impl<H> super::private::Sealed for SendTo<H> {}

impl<H> fmt::Debug for SendTo<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendTo").field("tally", &self.tally).finish_non_exhaustive()
    }
}

/// Sends failures to another pipeline.
pub struct SendOn {
    pub(crate) to: Outbox<Failure>,
    pub(crate) run: Run,
    pub(crate) tally: Tally,
}

impl Failures for SendOn {
    fn take(&mut self, failure: Failure) -> Result<(), Cause> {
        let failure = self.tally.count(failure)?;
        self.to.put(failure);
        // Without a cause everything is dropped, and this is.
        self.to.send(&self.run).or_else(|cause| cause.map_or(Ok(()), Err))
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }
}

impl super::private::Sealed for SendOn {}

impl fmt::Debug for SendOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendOn").field("tally", &self.tally).finish_non_exhaustive()
    }
}
