//! What batches consist of: data that sources, stages and sinks name.

mod block;
mod forwarded;
mod outputs;

pub use block::Block;
pub(crate) use forwarded::{Forwarded, Numbered};
pub(crate) use outputs::{FailedAt, Outputs};
