//! The order in which a score starts and stops.

use std::{fmt, sync::Arc, time::Duration};

/// The order in which a score will start and stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The parts by their earliest start: each wave waits only for earlier waves. A stop takes the
    /// reverse order.
    pub waves: Vec<Vec<Arc<str>>>,
    /// The path of the stop that takes longest by the parts' own timeouts.
    pub longest_stop: StopPath,
    /// Settings that are allowed but hardly intended.
    pub warnings: Vec<Warning>,
}

/// Parts that stop one after the other, and the time that they may take together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopPath {
    /// The parts, in the order of their stop.
    pub parts: Vec<Arc<str>>,
    /// The sum of their own stop timeouts. Parts without one add nothing.
    pub needs: Duration,
}

impl fmt::Display for StopPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join(" → "))
    }
}

/// A setting that is allowed but hardly intended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Parts that use their whole stop timeout leave no time for the parts that stop later.
    #[error(
        "stopping can take {:?} ({}{path}), but the whole budget is {budget:?}",
        .path.needs.saturating_add(*.lame_duck),
        lame_duck_first(.lame_duck)
    )]
    StopPathTooLong {
        /// The longest path.
        path: StopPath,
        /// The lame duck period that comes before it.
        lame_duck: Duration,
        /// The whole stop budget.
        budget: Duration,
    },
}

fn lame_duck_first(lame_duck: &Duration) -> String {
    if lame_duck.is_zero() { String::new() } else { format!("lame duck {lame_duck:?}, then ") }
}
