//! Players and waits that go by the clock.

#[cfg(feature = "cron")]
mod cron;
mod every;
mod jittered;
mod once_at;
mod period;
mod resettable;
mod schedule;
mod ticking;
mod wall;

pub use crate::instant::far_future;
#[cfg(feature = "cron")]
pub use cron::{Cron, CronError, cron};
pub use every::{Every, every};
pub use once_at::{At, Delayed, at, delayed};
pub use period::MissedTick;
pub use resettable::Timer;
pub use ticking::Tick;
