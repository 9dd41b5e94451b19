//! Observation of a running program: the state of every player, and the line at which it waits.
//!
//! An [`Overview`], from [`Handle::overview`](crate::Handle::overview) or
//! [`Context::overview`](crate::Context::overview), returns [`Snapshot`]s of all players. A
//! [`stall_guard`] reports the [`Location`] of a scope that exceeds its time limit. A [`Progress`]
//! counts steps and the time since the last one.

mod stall;

pub use self::stall::{Stall, StallGuard, stall_guard};
pub use crate::{
    progress::{Progress, ProgressReading},
    snapshot::{
        Snapshot,
        breadcrumb::Breadcrumb,
        location::Location,
        player::{PlayerSnapshot, PlayerState},
        work::{Work, WorkList},
    },
    tree::{
        lookup::{PROBE_TIMEOUT, locate, locate_blocking},
        overview::Overview,
    },
};
pub use upbeat_probe::{Answer, Frame, Probe, Trace, Watched, Watchpoint, watch};

/// The targets of this crate's log events, for filters.
///
/// They are stable: a renamed module does not change them. All begin with `upbeat::`, so that the
/// filter directive `upbeat=debug` matches every event. The events with their fields are listed in
/// `docs/log-events.md` of the repository.
pub mod targets {
    pub use crate::targets::*;
}
