//! The faults that keep a score from being played.

use std::{fmt, sync::Arc, time::Duration};

/// One reason why a score cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The name cannot be a segment of a path.
    #[error("invalid name `{name}`: {reason}")]
    InvalidName {
        /// The name.
        name: Arc<str>,
        /// The reason why it is invalid.
        reason: &'static str,
    },
    /// Two parts have the same name.
    #[error("two parts are named `{name}`")]
    DuplicateName {
        /// Their name.
        name: Arc<str>,
    },
    /// Two parts of the tree of conductors were given the same shared player.
    #[error("`{part}` plays the same player instance as `{other}`")]
    DuplicateInstance {
        /// The later part: its name, or its path if it is in a nested conductor.
        part: Arc<str>,
        /// The earlier part, as `part`.
        other: Arc<str>,
    },
    /// A part starts after one that does not exist.
    #[error("`{part}` starts after `{dependency}`, but no part has that name")]
    UnknownDependency {
        /// The part.
        part: Arc<str>,
        /// The name that no part has.
        dependency: Arc<str>,
    },
    /// A part starts after itself.
    #[error("`{part}` starts after itself")]
    SelfDependency {
        /// The part.
        part: Arc<str>,
    },
    /// Parts wait for each other in a cycle.
    #[error("dependency cycle: {}", cycle(.parts))]
    Cycle {
        /// The parts: each starts after the next, and the last after the first.
        parts: Vec<Arc<str>>,
    },
    /// A part waits for the successful end of a service, which has none.
    #[error(
        "`{part}` starts after `{dependency}` has finished, but `{dependency}` is a service and never finishes; \
         declare it a job, or wait until it is ready"
    )]
    NeverFinishes {
        /// The part that waits.
        part: Arc<str>,
        /// The service.
        dependency: Arc<str>,
    },
    /// A part has no time to become ready.
    #[error("`{part}` has no time to become ready: its ready timeout is zero")]
    ZeroReadyTimeout {
        /// The part.
        part: Arc<str>,
    },
    /// A part has no time between two heartbeats.
    #[error("`{part}` has no time between two heartbeats: its watchdog timeout is zero")]
    ZeroWatchdogTimeout {
        /// The part.
        part: Arc<str>,
    },
    /// A restart limit counts within a window of zero, so it limits nothing.
    #[error("`{part}` limits its restarts within a window of zero, in which there are none")]
    ZeroRestartWindow {
        /// The part.
        part: Arc<str>,
    },
    /// The first delay of a backoff is above its cap.
    #[error("`{part}` begins its backoff with {first:?}, which is above its cap of {max:?}")]
    BackoffAboveCap {
        /// The part.
        part: Arc<str>,
        /// The first delay.
        first: Duration,
        /// The cap.
        max: Duration,
    },
    /// The lame duck period takes the whole stop budget.
    #[error("the lame duck period of {lame_duck:?} leaves nothing of the stop budget of {stop_timeout:?}")]
    LameDuckTooLong {
        /// The lame duck period.
        lame_duck: Duration,
        /// The stop budget, which contains it.
        stop_timeout: Duration,
    },
    /// The strategy restarts a part together with another, but its player can be played only once.
    ///
    /// The other part has a restart policy or a watchdog that restarts it.
    #[error(
        "`{part}` can be played only once, but the strategy restarts it together with `{other}`; \
         let its player be played again, or move it to another conductor"
    )]
    NotRestartableTogether {
        /// The part.
        part: Arc<str>,
        /// The part whose restart would restart it.
        other: Arc<str>,
    },
    /// A part has a restart policy, but its player can be played only once.
    #[error("`{part}` has a restart policy, but its player can be played only once")]
    NotRestartable {
        /// The part.
        part: Arc<str>,
    },
}

fn cycle(parts: &[Arc<str>]) -> String {
    let mut names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    names.extend(names.first().copied());
    names.join(" → ")
}

impl Fault {
    /// Returns the part to point at, if the fault belongs to one.
    pub fn part(&self) -> Option<&str> {
        match self {
            Self::InvalidName { name: part, .. }
            | Self::DuplicateName { name: part }
            | Self::DuplicateInstance { part, .. }
            | Self::UnknownDependency { part, .. }
            | Self::SelfDependency { part }
            | Self::NeverFinishes { part, .. }
            | Self::ZeroReadyTimeout { part }
            | Self::ZeroWatchdogTimeout { part }
            | Self::ZeroRestartWindow { part }
            | Self::BackoffAboveCap { part, .. }
            | Self::NotRestartableTogether { part, .. }
            | Self::NotRestartable { part } => Some(part),
            Self::Cycle { parts } => parts.first().map(AsRef::as_ref),
            Self::LameDuckTooLong { .. } => None,
        }
    }
}

/// The error of a score that cannot be played, with all its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScoreError {
    /// The faults, at least one.
    pub faults: Vec<Fault>,
}

impl ScoreError {
    /// Creates an error from at least one fault.
    pub fn new(faults: Vec<Fault>) -> Self {
        Self { faults }
    }
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid score: ")?;
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for ScoreError {}
