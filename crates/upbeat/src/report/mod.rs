//! How it all ended: for people, for machines, and as an exit code.

pub(crate) mod failure;
pub(crate) mod failure_log;
pub(crate) mod player;
#[cfg(feature = "serde")]
mod serialize;

pub use self::{
    failure::{Cause, Failure},
    failure_log::FailureLog,
    player::{Outcome, PlayerReport},
};
pub use crate::stop_cause::StopCause;

use std::{
    fmt,
    io::{self, Write as _},
    process::{ExitCode, Termination},
    sync::Arc,
    time::Duration,
};

use crate::{display::human, exit_code, signal::Signal};

/// How it all ended, player by player.
///
/// `Display` is for people, `Serialize` (feature `serde`) for machines. As the result of `main` it prints itself on the standard error, unless
/// everything is clean and nothing was remarked, and sets the [exit code](Report::exit_code).
#[derive(Debug)]
#[must_use = "the report says whether anything failed"]
#[non_exhaustive]
pub struct Report {
    /// The name of the outermost conductor.
    pub name: Arc<str>,
    /// Why it ended: the root cause.
    pub cause: Cause,
    /// The signal that made everything be aborted, if there was one.
    pub forced_by: Option<Signal>,
    /// All players, nested ones behind their conductor, in the order they were declared.
    pub players: Vec<PlayerReport>,
    /// From the start to the end.
    pub took: Duration,
    /// From the first request to stop, or the first failure, to the end.
    pub stop_took: Option<Duration>,
}

impl Report {
    /// Whether it ended as it should: as asked, or with all jobs done, nothing failed, nothing cut off.
    pub fn is_clean(&self) -> bool {
        self.exit_code() == exit_code::OK
    }

    /// The exit code of the process, one of [`exit_code`].
    ///
    /// What was killed outweighs what failed: 124, even where a failure was the root cause.
    pub fn exit_code(&self) -> u8 {
        match (&self.cause, self.forced_by) {
            (Cause::BadScore(_), _) => exit_code::BAD_SCORE,
            (_, Some(signal)) => exit_code::forced_by(signal),
            _ if self.was_anything_killed() => exit_code::OVERRAN,
            (Cause::Failed { .. } | Cause::NoSignals(_), _) => exit_code::FAILED,
            _ if self.players.iter().any(|player| !player.is_clean() && !player.optional) => exit_code::FAILED,
            _ => exit_code::OK,
        }
    }

    /// Whether something was killed, cut off or left behind.
    pub(crate) fn was_anything_killed(&self) -> bool {
        self.players.iter().any(PlayerReport::killed)
    }

    /// The report about the player of this full path.
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
                write!(f, "{name}: nothing was started, because the score has faults")?;
                return error.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"));
            }
            Cause::NoSignals(error) => {
                return write!(f, "{name}: nothing was started: cannot install signal handlers: {error}");
            }
        }
        if let Some(signal) = self.forced_by {
            write!(f, ", aborted by a second {signal}")?;
        }
        let width = self.players.iter().map(|player| player.path.chars().count()).max().unwrap_or(0).min(40);
        self.players.iter().try_for_each(|player| player.write(f, width))
    }
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        if !self.is_clean() || self.players.iter().any(|player| !player.notes.is_empty()) {
            // What cannot be written to the standard error cannot be said anywhere.
            let _ = writeln!(io::stderr(), "{self}");
        }
        ExitCode::from(self.exit_code())
    }
}
