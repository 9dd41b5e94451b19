//! How one player ended.

use std::{fmt, sync::Arc};

use super::failure::Failure;
use crate::snapshot::player::PlayerSnapshot;

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
    /// Whether its failure is [no failure of the whole](crate::score::OnFailure::Ignore).
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
    pub(super) fn killed(&self) -> bool {
        self.overran || !self.cuts.is_empty() || matches!(self.outcome, Outcome::Leaked | Outcome::Aborted)
    }
}

impl PlayerReport {
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
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
