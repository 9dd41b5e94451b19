//! The targets of log events, public as [`diagnostics::targets`](crate::diagnostics::targets).

/// The start, the readiness and the stop of conductors.
pub const CONDUCTOR: &str = "upbeat::conductor";

/// The start, the readiness, the stop and the end of parts, and their restarts.
pub const PART: &str = "upbeat::part";

/// The parts that have not stopped, every two seconds of a stop.
pub const STOP: &str = "upbeat::stop";

/// Missed and resumed heartbeats.
pub const WATCHDOG: &str = "upbeat::watchdog";

/// Signals of the process.
pub const PROCESS: &str = "upbeat::process";

/// Alerts and recoveries of monitors, and late panics of their calls.
pub const MONITOR: &str = "upbeat::monitor";

/// Scopes that exceed the time limit of a stall guard.
pub const STALL: &str = "upbeat::stall";

/// Failed work of trackers.
pub const TASK: &str = "upbeat::task";

/// Failed ticks of scheduled players.
pub const TIME: &str = "upbeat::time";
