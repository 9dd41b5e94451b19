//! What batches consist of: data that sources, stages and sinks name.

mod block;
mod relayed;
mod tray;

pub use block::Block;
pub(crate) use relayed::{Numbered, Relayed};
pub(crate) use tray::{Misfit, Tray};
