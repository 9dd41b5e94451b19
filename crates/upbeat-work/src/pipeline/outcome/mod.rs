//! How a pipeline ended.

mod cause;
mod error;
mod item;
mod report;

pub use cause::Cause;
pub use error::PipelineError;
pub use item::Failure;
pub(crate) use item::ItemContext;
pub use report::Report;
