//! How it all ended: for people, for machines, and as an exit code.

use std::{
    error::Error as StdError,
    fmt, io,
    io::Write as _,
    process::{ExitCode, Termination},
    sync::Arc,
    time::Duration,
};

use upbeat_score::ScoreError;

use crate::{PlayerSnapshot, Signal, exit_code, panic::Panic};

/// Why a player was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// The process got a signal.
    Signal(Signal),
    /// Code asked for it: [`Handle::stop`](crate::Handle::stop), or what [`Conductor::play_until`](crate::Conductor::play_until) waited for.
    Asked,
    /// The part of this path [ends all](crate::Part::stops_all), and has finished.
    EndedBy(Arc<str>),
    /// The player of this path failed, and nothing answers that.
    Failed(Arc<str>),
    /// All jobs are done. What is asked to stop for this reason is a helper of a player that has returned.
    Done,
    /// Only this player is stopped: by hand.
    ByHand,
    /// Only this player is stopped: to be started again, by hand.
    Restart,
    /// It was not ready in time.
    NotReady,
    /// It gave no sign of life for too long.
    Unresponsive,
    /// The player of this path failed, and the strategy restarts this one with it.
    RestartWith(Arc<str>),
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => signal.fmt(f),
            Self::Asked => f.write_str("as asked"),
            Self::EndedBy(path) => write!(f, "{path} has finished"),
            Self::Failed(path) => write!(f, "{path} has failed"),
            Self::Done => f.write_str("all is done"),
            Self::ByHand => f.write_str("stopped by hand"),
            Self::Restart => f.write_str("restarted by hand"),
            Self::NotReady => f.write_str("not ready in time"),
            Self::Unresponsive => f.write_str("no sign of life"),
            Self::RestartWith(path) => write!(f, "restarted with {path}"),
        }
    }
}

/// As the cause of a [`ContextError::Canceled`](crate::ContextError::Canceled).
impl StdError for StopCause {}

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

/// How a player ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It finished, which was its job.
    Completed,
    /// It stopped when it was asked to.
    Stopped,
    /// A service that returned though nobody had asked it to stop.
    FinishedEarly,
    /// It failed or panicked, perhaps while stopping.
    Failed,
    /// It was not ready in time.
    NotReady,
    /// It gave no sign of life for too long: [`Part::watchdog`](crate::Part::watchdog).
    Unresponsive,
    /// It did not stop in time, and was aborted.
    Overran,
    /// It was aborted because everything was.
    Aborted,
    /// It was aborted, and is still there: it does not yield, or blocks its thread.
    Leaked,
    /// It was not started (or not started again).
    NeverStarted {
        /// The path of the dependency that made it impossible; `None` where the stop came first.
        because: Option<Arc<str>>,
    },
}

impl Outcome {
    /// Whether the player did what was wanted of it.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::NeverStarted { because: None })
    }

    /// A word for tables and for machines.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::FinishedEarly => "finished early",
            Self::Failed => "failed",
            Self::NotReady => "not ready in time",
            Self::Unresponsive => "unresponsive",
            Self::Overran => "overran",
            Self::Aborted => "aborted",
            Self::Leaked => "leaked",
            Self::NeverStarted { .. } => "never started",
        }
    }
}

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

/// An error and all its sources on one line, leaving out those that the one before already quotes.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

/// How one player ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlayerReport {
    /// Its full path.
    pub path: Arc<str>,
    /// How it ended.
    pub outcome: Outcome,
    /// How often it was started.
    pub runs: u32,
    /// The failed runs: the first, and the last fifteen.
    pub failures: Vec<Failure>,
    /// How many failures are left out.
    pub omitted_failures: u64,
    /// Whether its last run did not stop in time and was aborted, whatever else is said of it.
    pub overran: bool,
    /// Whether its failure is [no failure of the whole](crate::OnFailure::Ignore).
    pub optional: bool,
    /// What it had to say: [`Context::note`](crate::Context::note).
    pub notes: Vec<String>,
    /// Accepted work that was cut off: [`Context::report_lost`](crate::Context::report_lost).
    pub cuts: Vec<String>,
    /// How many lines of `cuts` are left out.
    pub omitted_cuts: u64,
    /// What it was doing, and where it was waiting, when it was aborted because it had not stopped in time.
    pub stuck: Option<Box<PlayerSnapshot>>,
}

impl PlayerReport {
    pub(crate) fn new(path: Arc<str>, outcome: Outcome, runs: u32) -> Self {
        Self {
            path,
            outcome,
            runs,
            failures: Vec::new(),
            omitted_failures: 0,
            overran: false,
            optional: false,
            notes: Vec::new(),
            cuts: Vec::new(),
            omitted_cuts: 0,
            stuck: None,
        }
    }

    /// Whether the player did what was wanted of it, and nothing was cut off.
    pub fn is_clean(&self) -> bool {
        self.outcome.is_clean() && !self.killed()
    }

    /// Whether something was killed, cut off or left behind.
    fn killed(&self) -> bool {
        self.overran || !self.cuts.is_empty() || matches!(self.outcome, Outcome::Leaked | Outcome::Aborted)
    }
}

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

/// A duration as people read it: milliseconds below a second, tenths of seconds above.
pub(crate) fn human(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

impl PlayerReport {
    fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        write!(f, "\n  {:width$}  {}", self.path, self.outcome.as_str())?;
        if let Outcome::NeverStarted { because: Some(path) } = &self.outcome {
            write!(f, ", because of {path}")?;
        }
        if self.outcome == Outcome::FinishedEarly {
            f.write_str(": it returned before it was asked to stop; if that is its job, declare it with `job()`")?;
        }
        if self.overran && self.outcome != Outcome::Overran {
            f.write_str(", aborted")?;
        }
        if self.optional && !self.outcome.is_clean() {
            f.write_str(" (ignored)")?;
        }
        if self.runs > 1 {
            write!(f, ", {} runs", self.runs)?;
        }
        for (i, failure) in self.failures.iter().enumerate() {
            if i == 1 && self.omitted_failures > 0 {
                write!(f, "\n      … {} more failures", self.omitted_failures)?;
            }
            let run = if self.runs > 1 { format!("run {}: ", u64::from(failure.attempt) + 1) } else { String::new() };
            write!(f, "\n      {run}{failure}")?;
        }
        for remark in &self.notes {
            write!(f, "\n      {remark}")?;
        }
        for cut in &self.cuts {
            write!(f, "\n      cut off: {cut}")?;
        }
        if self.omitted_cuts > 0 {
            write!(f, "\n      cut off: {} more", self.omitted_cuts)?;
        }
        self.stuck.as_ref().map_or(Ok(()), |stuck| stuck.write_end(f, "      "))
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

#[cfg(feature = "serde")]
mod serialize {
    use serde::{Serialize, Serializer, ser::SerializeStruct};

    use super::{Cause, Failure, Outcome, Panic, PlayerReport, Report, StopCause};

    impl Serialize for StopCause {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl Serialize for Failure {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_struct("Failure", 4)?;
            out.serialize_field("attempt", &self.attempt)?;
            out.serialize_field("task", &self.task.as_deref())?;
            out.serialize_field("error", &super::chain(&*self.error))?;
            out.serialize_field("panicked_at", &self.panic().and_then(Panic::location))?;
            out.end()
        }
    }

    impl Serialize for PlayerReport {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut out = serializer.serialize_struct("PlayerReport", 10)?;
            out.serialize_field("path", &*self.path)?;
            out.serialize_field("outcome", self.outcome.as_str())?;
            let because = match &self.outcome {
                Outcome::NeverStarted { because } => because.as_deref(),
                _ => None,
            };
            out.serialize_field("because", &because)?;
            out.serialize_field("runs", &self.runs)?;
            out.serialize_field("overran", &self.overran)?;
            out.serialize_field("optional", &self.optional)?;
            out.serialize_field("failures", &self.failures)?;
            out.serialize_field("notes", &self.notes)?;
            out.serialize_field("cuts", &self.cuts)?;
            out.serialize_field("stuck", &self.stuck)?;
            out.end()
        }
    }

    impl Serialize for Report {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let (cause, detail) = match &self.cause {
                Cause::AllDone => ("all done", None),
                Cause::Stopped(cause) => ("stopped", Some(cause.to_string())),
                Cause::Failed { path } => ("failed", Some(path.to_string())),
                Cause::BadScore(error) => ("bad score", Some(error.to_string())),
                Cause::NoSignals(error) => ("no signals", Some(error.to_string())),
            };
            let mut out = serializer.serialize_struct("Report", 8)?;
            out.serialize_field("name", &*self.name)?;
            out.serialize_field("exit_code", &self.exit_code())?;
            out.serialize_field("cause", cause)?;
            out.serialize_field("detail", &detail)?;
            out.serialize_field("forced_by", &self.forced_by.map(|signal| signal.to_string()))?;
            out.serialize_field("took_secs", &self.took.as_secs_f64())?;
            out.serialize_field("stop_took_secs", &self.stop_took.map(|took| took.as_secs_f64()))?;
            out.serialize_field("players", &self.players)?;
            out.end()
        }
    }
}
