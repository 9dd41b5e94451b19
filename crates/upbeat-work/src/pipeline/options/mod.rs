//! How a pipeline runs.

mod concurrency;
mod policy;
mod section;

pub use concurrency::Concurrency;
pub use policy::{ItemPolicy, OnStop};
pub use section::Section;
