//! Observation of a running program: the state of every player, and the line at which it waits.
//!
//! An [`Overview`], from [`Handle::overview`](crate::Handle::overview) or
//! [`Context::overview`](crate::Context::overview), returns [`Snapshot`]s of all players. A
//! [`stall_guard`] reports the [`Location`] of a scope that exceeds its time limit. A [`Progress`]
//! counts steps and the time since the last one.

pub use crate::{
    progress::{Progress, ProgressReading},
    snapshot::{
        Snapshot,
        breadcrumb::Breadcrumb,
        location::Location,
        player::{PlayerSnapshot, State},
        work::{Work, WorkList},
    },
    stall::{Stall, StallGuard, stall_guard},
    tree::{
        lookup::{PROBE_TIMEOUT, locate, locate_blocking},
        overview::Overview,
    },
};
pub use upbeat_probe::{Answer, Frame, Probe, Trace, Watched, Watchpoint, watch};
