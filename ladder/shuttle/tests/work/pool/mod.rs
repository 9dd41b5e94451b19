//! Pools: each job has one outcome, in spite of cancels, panics, waits, closes and scaling.

mod cancel;
mod log;
mod permits;
mod played;
mod replies;
mod scale;
mod stop;
mod streams;
