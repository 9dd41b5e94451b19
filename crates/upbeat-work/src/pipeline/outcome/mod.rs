//! How a pipeline ended.

mod cause;
mod error;
mod item;
mod report;

pub use cause::PipelineFailure;
pub use error::PipelineError;
pub(crate) use item::ItemContext;
pub use item::ItemFailure;
pub use report::PipelineReport;
