//! Results of a pipeline: its report, its error, and failures of items.

mod error;
mod failure;
mod item_failure;
mod report;

pub use error::PipelineError;
pub use failure::PipelineFailure;
pub(crate) use item_failure::ItemContext;
pub use item_failure::ItemFailure;
pub use report::PipelineReport;
