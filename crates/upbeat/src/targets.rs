//! The targets of log events, public as [`diagnostics::targets`](crate::diagnostics::targets).

/// Alerts and recoveries of monitors, and late panics of their calls.
pub const MONITOR: &str = "upbeat::monitor";

/// Scopes that exceed the time limit of a stall guard.
pub const STALL: &str = "upbeat::stall";

/// Failed work of trackers.
pub const TASK: &str = "upbeat::task";

/// Failed ticks of scheduled players.
pub const TIME: &str = "upbeat::time";
