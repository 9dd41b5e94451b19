//! Why a call has no result.

use std::{sync::Arc, time::Duration};

use crate::{display::human, panic::Panic};

/// A call through a [`Monitor`](crate::monitor::Monitor) has no result.
///
/// An error that the call itself returns is a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// All places are taken. The call was refused at once, and its future or function dropped without having run.
    #[error("`{monitor}` is busy: {active} calls are active, {stuck} of them stuck, the longest for {}", human(*.longest))]
    #[non_exhaustive]
    Busy {
        /// The monitor's name.
        monitor: Arc<str>,
        /// How many calls are active: as many as there are places.
        active: usize,
        /// How many of them are past their time-out.
        stuck: usize,
        /// How long ago the oldest of them began.
        longest: Duration,
    },
    /// The call did not return in time. Unless the monitor [cancels](crate::monitor::Monitor::cancel_on_timeout) it, it goes on and keeps its place.
    #[error("`{call}` did not return within {} (monitor `{monitor}`)", human(*.timeout))]
    #[non_exhaustive]
    TimedOut {
        /// The monitor's name.
        monitor: Arc<str>,
        /// The call's name.
        call: Arc<str>,
        /// The time-out.
        timeout: Duration,
    },
    /// The call panicked, or its future did while it was dropped.
    #[error(transparent)]
    Panicked(Panic),
    /// The call was dropped before it returned: its runtime ends.
    #[error("`{call}` was dropped before it returned: the runtime ends (monitor `{monitor}`)")]
    #[non_exhaustive]
    Lost {
        /// The monitor's name.
        monitor: Arc<str>,
        /// The call's name.
        call: Arc<str>,
    },
}
