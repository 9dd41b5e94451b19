//! What a sink is.

use upbeat::BoxError;

use super::state::SinkState;
use crate::pipeline::{
    batch::Outputs,
    outcome::{ItemFailure, PipelineFailure},
};

/// What is true of a [`Pack`] whatever it packs.
#[doc(hidden)]
pub trait Packs: Send + Sync + private::Sealed {
    /// Whether an item may fail or panic here. If not, each item is one unit.
    const MAY_FAIL: bool;
}

/// The workers' half of a sink: puts an item into the tray of its batch. Sealed, as [`Sink`] is.
pub trait Pack<T, U>: Packs {
    /// # Errors
    ///
    /// When the item cannot be written; then it has failed.
    #[doc(hidden)]
    fn pack(&self, item: T, outputs: &mut Vec<U>) -> Result<(), BoxError>;
}

/// The other half: takes the trays one after the other. Sealed: made by the last methods of [`Pipeline`](crate::Pipeline).
pub trait Sink: Send + private::Sealed {
    /// What trays consist of.
    #[doc(hidden)]
    type Unit: Send;

    /// What it has made in the end.
    type Output;

    /// Takes what is in a tray, failures in their places, and leaves it empty.
    ///
    /// # Errors
    ///
    /// When nothing more is to be emitted.
    #[doc(hidden)]
    fn emit(&mut self, outputs: &mut Outputs<Self::Unit>, failures: &mut impl FailureSink) -> Result<(), SinkClosed>;

    /// # Errors
    ///
    /// When what it was given did not all arrive.
    #[doc(hidden)]
    fn finish(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// No worker is left.
    #[doc(hidden)]
    fn leave(&mut self) {}

    #[doc(hidden)]
    fn into_output(self) -> Self::Output;
}

/// Why a sink takes nothing more.
#[derive(Debug)]
#[doc(hidden)]
pub struct SinkClosed {
    /// `None` if somebody else knows.
    pub(crate) cause: Option<PipelineFailure>,
    /// How many items it has not taken for that.
    pub(crate) dropped: u64,
}

impl From<PipelineFailure> for SinkClosed {
    fn from(cause: PipelineFailure) -> Self {
        Self { cause: Some(cause), dropped: 0 }
    }
}

/// What becomes of failures. Sealed: see [`Runnable::failures_to`](crate::pipeline::Runnable::failures_to).
pub trait FailureSink: Send + private::Sealed {
    /// # Errors
    ///
    /// When it ends the pipeline.
    #[doc(hidden)]
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure>;

    #[doc(hidden)]
    fn state(&mut self) -> &mut SinkState;
}

pub(crate) mod private {
    /// Nobody else implements a sink: what it is given will change when asynchronous ones come.
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Sealed {}
}
