//! Where failures go.

use std::fmt;

use upbeat::Panic;

use super::{
    outbox::Outbox,
    tally::Tally,
    traits::{Failures, private::Sealed},
};
use crate::pipeline::{
    control::Run,
    outcome::{Cause, Failure, Report},
};

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

impl Sealed for Keep {}

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

impl<H> Sealed for SendTo<H> {}

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

impl Sealed for SendOn {}

impl fmt::Debug for SendOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendOn").field("tally", &self.tally).finish_non_exhaustive()
    }
}
