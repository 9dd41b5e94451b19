//! Contents of batches, which sources, stages and sinks exchange.

mod block;
mod forwarded;
mod outputs;

pub use block::Block;
pub(crate) use forwarded::{Forwarded, Numbered};
pub(crate) use outputs::{FailedAt, Outputs};
