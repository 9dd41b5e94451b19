//! Scheduled players, and a timer that can be reset.
//!
//! | | plays |
//! |---|---|
//! | [`every`] | at a fixed interval |
#![cfg_attr(feature = "cron", doc = "| [`cron`] | at the times of a cron expression |")]
//! | [`delayed`] | once, after a delay |
//! | [`at`] | once, at a time of the wall clock |

#[cfg(feature = "cron")]
mod cron;
mod delayed;
mod every;
mod jittered;
mod period;
mod schedule;
mod ticking;
mod timer;
mod wall;

pub use crate::instant::far_future;
#[cfg(feature = "cron")]
pub use cron::{Cron, CronError, cron};
pub use delayed::{At, Delayed, at, delayed};
pub use every::{Every, every};
pub use period::MissedTick;
pub use ticking::Tick;
pub use timer::Timer;
