//! What a sink is.

use upbeat::BoxError;

use super::tally::Tally;
use crate::pipeline::{
    batch::Tray,
    outcome::{Cause, Failure},
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
    fn pack(&self, item: T, tray: &mut Vec<U>) -> Result<(), BoxError>;
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
    fn emit(&mut self, tray: &mut Tray<Self::Unit>, failures: &mut impl Failures) -> Result<(), NoMore>;

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
pub struct NoMore {
    /// `None` if somebody else knows.
    pub(crate) cause: Option<Cause>,
    /// How many items it has not taken for that.
    pub(crate) dropped: u64,
}

impl From<Cause> for NoMore {
    fn from(cause: Cause) -> Self {
        Self { cause: Some(cause), dropped: 0 }
    }
}

/// What becomes of failures. Sealed: see [`Runnable::failures_to`](crate::pipeline::Runnable::failures_to).
pub trait Failures: Send + private::Sealed {
    /// # Errors
    ///
    /// When it ends the pipeline.
    #[doc(hidden)]
    fn take(&mut self, failure: Failure) -> Result<(), Cause>;

    #[doc(hidden)]
    fn tally(&mut self) -> &mut Tally;
}

pub(crate) mod private {
    /// Nobody else implements a sink: what it is given will change when asynchronous ones come.
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Sealed {}
}
