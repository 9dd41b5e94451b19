//! Pools.

mod jobs;
mod stop;
mod stress;
