//! Runs: on threads of their own, as a player, and together.

mod blocking;
mod finish;
mod join;
mod player;
mod runnable;

pub use join::{Join, RunPipelines};
pub use runnable::Runnable;
