//! Shared code of the suites: clocks, events, logs, and players that execute the commands of a
//! test.
//!
//! The tests are in `tests/`. `docs/peers.md` lists which behaviors of the peers hold here, and
//! which differ.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "helpers of tests fail by panicking")]

pub mod child;
mod clock;
mod event;
mod log;
mod playing;
mod scripted;

pub use clock::{MS, S, block_thread, paused, real, settle, threads};
pub use event::Event;
pub use log::Log;
pub use playing::{clean_report, failures, is_over, is_running, playing, state, stop, stop_cleanly, unclean, until};
pub use scripted::{Command, Scripted, deaf, idle, logs, sets_when_stopping};
