//! Pools: every job has one outcome, whoever cancels, panics, waits, closes, grows or shrinks meanwhile.

mod cancel;
mod jobs;
mod played;
mod replies;
mod room;
mod size;
mod stop;
mod streams;
