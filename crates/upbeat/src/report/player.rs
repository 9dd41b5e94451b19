//! The report of one player.

use std::{fmt, sync::Arc};

use super::failure::Failure;
use crate::snapshot::{outcome::Outcome, player::PlayerSnapshot};

/// The report of one player.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlayerReport {
    /// Its full path.
    pub path: Arc<str>,
    /// Its end.
    pub outcome: Outcome,
    /// The number of runs that were started.
    pub runs: u32,
    /// The failed runs: the first, and the last fifteen.
    pub failures: Vec<Failure>,
    /// The number of failures left out of `failures`.
    pub omitted_failures: u64,
    /// Whether its last run was aborted at its stop deadline, whatever its outcome is called.
    pub overran: bool,
    /// Whether its failure is [ignored](crate::score::OnFailure::Ignore).
    pub optional: bool,
    /// The notes of its runs: [`Context::note`](crate::Context::note).
    pub notes: Vec<String>,
    /// Accepted work that was lost: [`Context::report_lost`](crate::Context::report_lost).
    pub lost: Vec<String>,
    /// The number of lines left out of `lost`.
    pub omitted_lost: u64,
    /// Its activity and location when it was aborted at its stop deadline.
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
            lost: Vec::new(),
            omitted_lost: 0,
            stuck: None,
        }
    }

    /// Returns whether the player ended as intended, and no work was lost.
    pub fn is_clean(&self) -> bool {
        self.outcome.is_clean() && !self.overran_or_lost()
    }

    /// Returns whether a run was aborted or left behind, or work was lost.
    pub(super) fn overran_or_lost(&self) -> bool {
        self.overran || !self.lost.is_empty() || matches!(self.outcome, Outcome::Leaked | Outcome::Aborted)
    }

    /// Writes the lines of this player. Paths are padded to `width`.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        write!(f, "\n  {:width$}  {}", self.path, self.outcome)?;
        if self.outcome == Outcome::FinishedEarly {
            f.write_str(": it returned before it was asked to stop; if it is meant to end, declare it with `job()`")?;
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
        for note in &self.notes {
            write!(f, "\n      {note}")?;
        }
        for lost in &self.lost {
            write!(f, "\n      lost: {lost}")?;
        }
        if self.omitted_lost > 0 {
            write!(f, "\n      lost: {} more", self.omitted_lost)?;
        }
        self.stuck.as_ref().map_or(Ok(()), |stuck| stuck.write_end(f, "      "))
    }
}
