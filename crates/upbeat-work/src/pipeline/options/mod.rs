//! Settings of a pipeline and of its sections.

mod concurrency;
mod policy;
mod section;

pub use concurrency::Concurrency;
pub use policy::{ItemPolicy, OnStop};
pub use section::Section;
