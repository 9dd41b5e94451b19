//! The diagnostics endpoints: liveness, readiness, and the state of all players.

mod endpoints;
mod health;
mod player;

pub use player::Diagnostics;
