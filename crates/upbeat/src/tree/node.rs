//! A conductor as the tree sees it.

use std::{any::Any, fmt::Debug, sync::Arc};

use crate::{snapshot::player::PlayerSnapshot, stop_cause::StopCause};

/// A conductor that plays, as seen from the tree of nested conductors.
pub(crate) trait Node: Any + Debug + Send + Sync {
    fn path(&self) -> &Arc<str>;

    /// Returns the cause of the stop of the whole conductor.
    fn stop_cause(&self) -> Option<StopCause>;

    /// Returns whether all parts are ready.
    fn all_ready(&self) -> bool;

    /// Returns the states of all parts, with the probes of what can be probed. `with_work` asks
    /// foreign code for the open work.
    fn players(&self, with_work: bool) -> Vec<PlayerSnapshot>;

    /// Returns the state of the part of this name.
    fn player(&self, name: &str) -> Option<PlayerSnapshot>;

    /// Checks which tasks are inside a poll, at most `max` of them. From then on the time is
    /// measured.
    fn check_busy(&self, max: usize);
}
