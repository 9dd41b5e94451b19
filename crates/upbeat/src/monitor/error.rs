//! The error of a call.

use std::{sync::Arc, time::Duration};

use crate::{display::human, panic::Panic};

/// The error of a call through a [`Monitor`](crate::monitor::Monitor) that has no result.
///
/// An error that the call itself returns is a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The maximum of calls is active. The call was rejected at once. Its future or function was
    /// dropped without having run.
    #[error("`{monitor}` is busy: {active} calls active, {stuck} of them stuck, the oldest for {}", human(*.longest))]
    #[non_exhaustive]
    Busy {
        /// The name of the monitor.
        monitor: Arc<str>,
        /// The number of active calls: the maximum.
        active: usize,
        /// The number of active calls past their timeout.
        stuck: usize,
        /// The age of the oldest active call.
        longest: Duration,
    },
    /// The call did not return in time. Unless the monitor
    /// [cancels](crate::monitor::MonitorBuilder::cancel_on_timeout) it, it continues and stays
    /// active.
    #[error("`{call}` timed out after {} (monitor `{monitor}`)", human(*.timeout))]
    #[non_exhaustive]
    TimedOut {
        /// The name of the monitor.
        monitor: Arc<str>,
        /// The name of the call.
        call: Arc<str>,
        /// The timeout.
        timeout: Duration,
    },
    /// The call panicked, or its future panicked when it was dropped.
    #[error(transparent)]
    Panicked(Panic),
    /// The call was dropped before it returned, because its runtime ended.
    #[error("`{call}` was dropped before it returned: the runtime ended (monitor `{monitor}`)")]
    #[non_exhaustive]
    Lost {
        /// The name of the monitor.
        monitor: Arc<str>,
        /// The name of the call.
        call: Arc<str>,
    },
}

impl CallError {
    /// Returns whether the call was rejected because too many are active.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Returns whether the call did not return in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Returns whether the call panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// Returns whether the call was lost because its runtime ended.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }
}
