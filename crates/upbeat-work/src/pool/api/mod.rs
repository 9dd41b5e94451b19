//! The public face of pools.

pub(crate) mod builder;
pub(crate) mod error;
mod in_flight;
mod play;
pub(crate) mod pool;
pub(crate) mod results;
pub(crate) mod stream;
pub(crate) mod ticket;
