//! The diagnostics endpoints: liveness, readiness, and what everybody is doing.

mod endpoints;
mod player;
mod verdict;

pub use player::Diagnostics;
