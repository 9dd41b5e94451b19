//! The counters of a monitor.

/// The counters of the calls of a [`Monitor`](crate::monitor::Monitor).
///
/// Every call that has ended for its caller is counted once. In this sum only the calls are missing
/// whose callers still wait: `calls = done + panicked + timed_out + busy + abandoned + lost`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCounts {
    /// All calls, including rejected ones.
    pub calls: u64,
    /// Calls that returned in time.
    pub done: u64,
    /// Calls that panicked in time.
    pub panicked: u64,
    /// Calls whose caller got a timeout.
    pub timed_out: u64,
    /// Calls that were rejected.
    pub busy: u64,
    /// Calls whose caller stopped waiting before they returned or timed out.
    pub abandoned: u64,
    /// Calls that were dropped before they returned, because their runtime ended.
    pub lost: u64,
    /// Timed out or abandoned calls that have returned or panicked since. Their results were
    /// discarded.
    pub late: u64,
}
