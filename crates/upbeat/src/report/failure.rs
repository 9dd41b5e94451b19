//! Failed runs, and why the whole ended.

use std::{error::Error as StdError, fmt, io, sync::Arc};

use upbeat_score::ScoreError;

use crate::{error::chain, panic::Panic, stop_cause::StopCause};

/// One failed run of a player.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Which run: 0 for the first.
    pub attempt: u32,
    /// The task in which it happened, where that was one the player had spawned.
    pub task: Option<Arc<str>>,
    /// What went wrong: the player's error, or a [`Panic`].
    pub error: Arc<dyn StdError + Send + Sync>,
}

impl Failure {
    /// The panic, if it was one.
    pub fn panic(&self) -> Option<&Panic> {
        self.error.downcast_ref()
    }
}

impl fmt::Display for Failure {
    /// The error and all its sources, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(task) = &self.task {
            write!(f, "task `{task}`: ")?;
        }
        write!(f, "{}", chain(&*self.error))
    }
}

/// Why the whole ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// All parts have ended by themselves.
    AllDone,
    /// It was asked to stop.
    Stopped(StopCause),
    /// This player failed: the root cause. The others were stopped because of it.
    Failed {
        /// Its full path.
        path: Arc<str>,
    },
    /// The score has faults; nothing was started.
    BadScore(ScoreError),
    /// The threads that catch signals and guard the end could not be set up; nothing was started.
    NoSignals(io::Error),
}
