//! The alert, and the active calls with their locations.

use crate::snapshot::location::Location;
use std::{fmt, sync::Arc, time::Duration};

use super::CallCounts;
use crate::display::human;

/// An alert of a [`Monitor`](crate::monitor::Monitor): all its calls are stuck.
///
/// The names of locations have been looked up, so `Display` does not block.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Alert {
    /// The name of the monitor.
    pub monitor: Arc<str>,
    /// The time since the last of the calls passed its timeout.
    pub stuck_for: Duration,
    /// The active calls, the oldest first.
    pub calls: Vec<ActiveCall>,
}

/// An active call of a monitor at the time of a snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActiveCall {
    /// The name.
    pub name: Arc<str>,
    /// The time since it began.
    pub age: Duration,
    /// Whether it is past its timeout.
    pub stuck: bool,
    /// Its location.
    pub location: Location,
}

/// A snapshot of a [`Monitor`](crate::monitor::Monitor).
///
/// The names of locations have been looked up, so `Display` does not block.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MonitorSnapshot {
    /// The name of the monitor.
    pub name: Arc<str>,
    /// The number of calls that may be active.
    pub max_calls: usize,
    /// The active calls, the oldest first.
    pub calls: Vec<ActiveCall>,
    /// Whether an alert was raised, and no call has ended since.
    pub alerted: bool,
    /// The counters.
    pub counts: CallCounts,
}

impl Alert {
    /// Returns the calls for display, one below the other.
    pub(super) fn list(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            self.calls.iter().enumerate().try_for_each(|(index, call)| {
                f.write_str(if index > 0 { "\n" } else { "" })?;
                write!(f, "{call}")
            })
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { monitor, stuck_for, calls } = self;
        write!(f, "`{monitor}` is stuck: all {} calls for {}\n{}", calls.len(), human(*stuck_for), self.list())
    }
}

impl fmt::Display for MonitorSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, max_calls, calls, .. } = self;
        write!(f, "`{name}`: {} of {max_calls} calls", calls.len())?;
        calls.iter().try_for_each(|call| write!(f, "\n{call}"))
    }
}

impl fmt::Display for ActiveCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, age, stuck, location } = self;
        write!(f, "`{name}`, {}{}: {location}", human(*age), if *stuck { ", stuck" } else { "" })
    }
}
