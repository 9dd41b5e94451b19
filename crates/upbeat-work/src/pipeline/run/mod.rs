//! Runs of pipelines: on plain threads, as a player, and several at once.

mod blocking;
mod join;
mod player;
mod result;
mod runnable;

pub use join::{Join, RunPipelines};
pub use runnable::Runnable;
