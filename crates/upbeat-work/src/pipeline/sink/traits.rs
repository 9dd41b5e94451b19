//! The traits of sinks.

use upbeat::BoxError;

use super::state::SinkState;
use crate::pipeline::{
    batch::Outputs,
    outcome::{ItemFailure, PipelineFailure},
};

/// The properties of a [`Pack`] that do not depend on its items.
pub trait Packer: Send + Sync {
    /// Whether an item may fail or panic here. If not, each item is one unit.
    const MAY_FAIL: bool;
}

/// The workers' part of a sink, which makes units of an item.
pub trait Pack<T, U>: Packer {
    /// Adds the units of an item.
    ///
    /// # Errors
    ///
    /// If the item cannot be written. Then it has failed.
    fn pack(&self, item: T, units: &mut Vec<U>) -> Result<(), BoxError>;
}

/// The part of a sink that takes the outputs of batches one after the other.
pub trait Sink: Send {
    /// The units that outputs consist of.
    type Unit: Send;

    /// The output at the end.
    type Output;

    /// Takes the units of a batch, with the failures at their positions, and leaves it empty.
    ///
    /// # Errors
    ///
    /// If nothing more is to be emitted.
    fn emit(&mut self, outputs: &mut Outputs<Self::Unit>, failures: &mut impl FailureSink) -> Result<(), SinkClosed>;

    /// Completes the output.
    ///
    /// # Errors
    ///
    /// If a part of the output was lost.
    fn finish(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Closes the connections to other sections and pipelines, after the last worker has ended.
    fn leave(&mut self) {}

    fn into_output(self) -> Self::Output;
}

/// The receiver of failures of items.
pub trait FailureSink: Send {
    /// Takes a failure.
    ///
    /// # Errors
    ///
    /// If the failure ends the pipeline.
    fn take(&mut self, failure: ItemFailure) -> Result<(), PipelineFailure>;

    fn state(&mut self) -> &mut SinkState;
}

/// The error of a sink that takes nothing more.
#[derive(Debug)]
pub struct SinkClosed {
    /// `None` if another section has the cause.
    pub(crate) cause: Option<PipelineFailure>,
    /// The number of items that were not emitted because of it.
    pub(crate) dropped: u64,
}

impl From<PipelineFailure> for SinkClosed {
    fn from(cause: PipelineFailure) -> Self {
        Self { cause: Some(cause), dropped: 0 }
    }
}
