//! The report of a conductor: as text, as data, and as an exit code.

pub(crate) mod failure;
pub(crate) mod failure_log;
pub(crate) mod player;
#[cfg(feature = "serde")]
mod serialize;

pub use self::{
    failure::{Cause, Failure},
    failure_log::FailureLog,
    player::PlayerReport,
};
pub use crate::{display::HumanDuration, snapshot::outcome::Outcome, stop_cause::StopCause};

use std::{fmt, sync::Arc, time::Duration};

use crate::{display::human, exit_code, signal::Signal};

/// The report of a conductor, player by player.
///
/// `Display` writes it as text, `Serialize` (feature `serde`) as data. As the result of `main` it
/// sets the [exit code](Report::exit_code). It also writes itself to standard error, unless it is
/// clean and has no notes, for one second at most: standard error may be a pipe that is not read.
#[derive(Debug)]
#[must_use = "the report says whether anything failed"]
#[non_exhaustive]
pub struct Report {
    /// The name of the outermost conductor.
    pub name: Arc<str>,
    /// The root cause of the end.
    pub cause: Cause,
    /// The signal that aborted all runs, if there was one.
    pub forced_by: Option<Signal>,
    /// All players in the order of their declaration. Nested ones follow their conductor.
    pub players: Vec<PlayerReport>,
    /// The time from the start to the end.
    pub took: Duration,
    /// The time from the first stop request, or the first failure, to the end.
    pub stop_took: Option<Duration>,
}

impl Report {
    /// Returns whether the exit code is [`exit_code::OK`]: it stopped as requested or all jobs are
    /// done, nothing failed, and no work was lost.
    pub fn is_clean(&self) -> bool {
        self.exit_code() == exit_code::OK
    }

    /// Returns the exit code of the process, one of [`exit_code`].
    ///
    /// An overrun outweighs a failure: the code is 124 even if a failure was the root cause.
    pub fn exit_code(&self) -> u8 {
        match (&self.cause, self.forced_by) {
            (Cause::BadScore(_), _) => exit_code::BAD_SCORE,
            (_, Some(signal)) => exit_code::forced_by(signal),
            _ if self.overran_or_lost() => exit_code::OVERRAN,
            (Cause::Failed { .. } | Cause::NoSignals(_), _) => exit_code::FAILED,
            _ if self.players.iter().any(|player| !player.is_clean() && !player.optional) => exit_code::FAILED,
            _ => exit_code::OK,
        }
    }

    /// Returns whether a run was aborted or left behind, or work was lost.
    pub(crate) fn overran_or_lost(&self) -> bool {
        self.players.iter().any(PlayerReport::overran_or_lost)
    }

    /// Returns the report of the player with this full path.
    pub fn player(&self, path: &str) -> Option<&PlayerReport> {
        self.players.iter().find(|player| &*player.path == path)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let took = self.stop_took.map_or_else(String::new, |took| format!(" in {}", human(took)));
        match &self.cause {
            Cause::AllDone => write!(f, "{name}: all done")?,
            Cause::Stopped(cause) => write!(f, "{name}: stopped{took} ({cause})")?,
            Cause::Failed { path } => write!(f, "{name}: {path} failed; stopped{took}")?,
            Cause::BadScore(error) => {
                write!(f, "{name}: nothing was started: the score is invalid")?;
                return error.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"));
            }
            Cause::NoSignals(error) => {
                return write!(f, "{name}: nothing was started: signal handlers not installed: {error}");
            }
        }
        if let Some(signal) = self.forced_by {
            write!(f, ", aborted by a second {signal}")?;
        }
        let width = self.players.iter().map(|player| player.path.chars().count()).max().unwrap_or(0).min(40);
        self.players.iter().try_for_each(|player| player.write(f, width))
    }
}
