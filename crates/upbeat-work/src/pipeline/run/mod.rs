//! Runs of pipelines: on plain threads, as a player, and several at once.

mod blocking;
mod clock_hold;
mod join;
mod player;
mod result;
mod runnable;
mod thread_cache;
mod threads;

pub use join::{Join, RunPipelines};
pub use runnable::Runnable;
