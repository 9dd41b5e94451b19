//! Failed runs, and the cause of the end.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use upbeat_score::ScoreError;

use crate::{error::chain, panic::Panic, stop_cause::StopCause};

/// One failed run of a player.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The number of the run: 0 for the first.
    pub attempt: u32,
    /// The spawned task that failed. `None` if the player itself failed.
    pub task: Option<Arc<str>>,
    /// The error of the player, or its [`Panic`].
    pub error: Arc<dyn StdError + Send + Sync>,
}

impl Failure {
    /// Returns the panic, if it was one.
    pub fn panic(&self) -> Option<&Panic> {
        self.error.downcast_ref()
    }
}

impl fmt::Display for Failure {
    /// Writes the error and all its sources on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(task) = &self.task {
            write!(f, "task `{task}`: ")?;
        }
        write!(f, "{}", chain(&*self.error))
    }
}

/// The cause of the end of a conductor: the root cause.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// All parts have ended by themselves.
    AllDone,
    /// A stop was requested.
    Stopped(StopCause),
    /// A player failed, and the others were stopped because of it.
    Failed {
        /// The full path of the player. If it is in a nested conductor, that of the player itself
        /// and not of its conductor.
        path: Arc<str>,
    },
    /// The score is invalid. Nothing was started.
    BadScore(ScoreError),
    /// The signal handlers or the guard thread could not be set up. Nothing was started.
    NoSignals(io::Error),
}
