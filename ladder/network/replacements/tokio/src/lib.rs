//! Tokio, with TCP over turmoil's simulated network.

pub use ::tokio::*;

pub mod net;
