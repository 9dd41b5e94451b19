//! The state of one player at one moment.

use std::{fmt, sync::Arc, time::Duration};

use upbeat_probe::Probe;

use super::{breadcrumb::Breadcrumb, location::Location, outcome::Outcome, work::WorkList};
use crate::display::human;

#[cfg(feature = "serde")]
use crate::{display::as_maybe_secs, display::as_secs};

/// The number of pieces of work of a kind on one line.
const MOST_ON_A_LINE: usize = 3;

/// The state of a player.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayerState {
    /// It waits for the parts that it starts after.
    Waiting,
    /// It has been started and is not ready.
    Starting,
    /// It is ready.
    Ready,
    /// It was ready, but has missed its heartbeat:
    /// [`OnUnresponsive::NotReady`](crate::score::OnUnresponsive::NotReady).
    Unresponsive,
    /// It was asked to stop, or has returned and its tasks are ending.
    Stopping,
    /// It was aborted and has not ended.
    Aborting,
    /// Its last run has ended. The next one begins later.
    Restarting,
    /// It has ended.
    Ended(Outcome),
}

impl PlayerState {
    /// Returns whether it delays a stop.
    pub(super) fn delays_stop(&self) -> bool {
        matches!(self, Self::Stopping | Self::Aborting)
    }
}

impl fmt::Display for PlayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unresponsive => "unresponsive",
            Self::Stopping => "stopping",
            Self::Aborting => "aborting",
            Self::Restarting => "restarting",
            Self::Ended(outcome) => outcome.as_str(),
        })
    }
}

/// The state of one player at one moment.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PlayerSnapshot {
    /// Its full path.
    pub path: Arc<str>,
    /// Its state.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub state: PlayerState,
    /// The time for which it has been in this state.
    #[cfg_attr(feature = "serde", serde(rename = "for_secs", serialize_with = "as_secs"))]
    pub since: Duration,
    /// The time until its stop deadline, if it was asked to stop.
    #[cfg_attr(feature = "serde", serde(rename = "remaining_secs", serialize_with = "as_maybe_secs"))]
    pub remaining: Option<Duration>,
    /// The number of its runs.
    pub runs: u32,
    /// The path of the first part that it waits for.
    pub waits_for: Option<Arc<str>>,
    /// Whether its failure is no failure of the whole; then it does not count for readiness either.
    pub optional: bool,
    /// Whether it counts as ready for the whole.
    pub ready: bool,
    /// Whether it has been ready at some time.
    pub started: bool,
    /// The details of its current run: [`Context::detail`](crate::Context::detail).
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub details: Vec<(&'static str, String)>,
    /// The last [`Context::set_status`](crate::Context::set_status).
    pub at: Option<Breadcrumb>,
    /// The notes about what it is blocked on: [`Context::blocked_on`](crate::Context::blocked_on).
    pub blocked_on: Vec<Breadcrumb>,
    /// The time since its last [heartbeat](crate::Context::heartbeat), if there was one.
    #[cfg_attr(feature = "serde", serde(rename = "last_beat_secs", serialize_with = "as_maybe_secs"))]
    pub last_heartbeat: Option<Duration>,
    /// The number of steps it has counted: [`Context::progress`](crate::Context::progress).
    pub progress: u64,
    /// The location of its own task. Only in a [dump](crate::diagnostics::Overview::dump).
    pub location: Option<Location>,
    /// The tasks that it has [spawned](crate::Context::spawn) and that are not done.
    pub tasks: WorkList,
    /// Its other open work: [`Context::register_work`](crate::Context::register_work).
    pub open: WorkList,
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) probe: Option<Probe>,
}

#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(state: &PlayerState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(state)
}

#[cfg(feature = "serde")]
fn as_map<S: serde::Serializer>(details: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(details.iter().map(|(key, value)| (key, value)))
}

impl PlayerSnapshot {
    /// Returns everything about it on one line, without its path: `stopping for 3.1 s, 6.9 s left,
    /// at flushing for 2.0 s; waiting in …`.
    pub fn line(&self) -> String {
        let mut parts = vec![self.head()];
        parts.extend(self.places());
        parts.join("; ")
    }

    /// Returns its breadcrumbs and locations on one line, for the log of an abort.
    pub(crate) fn end_line(&self) -> String {
        let mut parts = self.said();
        parts.extend(self.places());
        parts.join("; ")
    }

    /// Returns the locations of its task and its work, in few words.
    fn places(&self) -> Vec<String> {
        let place = |location: &Option<Location>| location.as_ref().map(|place| place.line().to_owned());
        let mut parts: Vec<_> = place(&self.location).into_iter().collect();
        for (what, list) in [("task", &self.tasks), ("open", &self.open)] {
            for work in list.oldest.iter().take(MOST_ON_A_LINE) {
                let place = place(&work.location).map_or_else(String::new, |place| format!(", {place}"));
                parts.push(format!("{what} {work}{place}"));
            }
            let more = list.count().saturating_sub(MOST_ON_A_LINE as u64);
            if more > 0 {
                parts.push(format!("{more} more {what}"));
            }
        }
        parts
    }

    /// Returns its state and its details, without locations.
    pub(super) fn head(&self) -> String {
        let mut parts = vec![format!("{} for {}", self.state, human(self.since))];
        parts.extend(self.remaining.map(|left| format!("{} left", human(left))));
        parts.extend(self.waits_for.iter().map(|path| format!("waits for {path}")));
        if self.runs > 1 {
            parts.push(format!("run {}", self.runs));
        }
        parts.extend(self.details.iter().map(|(key, value)| format!("{key} {value}")));
        parts.extend(self.said());
        parts.join(", ")
    }

    /// Returns its breadcrumbs and the time since its last heartbeat.
    fn said(&self) -> Vec<String> {
        let mut said: Vec<_> = self.at.iter().map(|at| format!("at {at}")).collect();
        said.extend(self.blocked_on.iter().map(|blocked| format!("blocked on {blocked}")));
        if let Some(last) = self.last_heartbeat {
            let steps = if self.progress > 0 { format!(" after {} steps", self.progress) } else { String::new() };
            said.push(format!("last sign of life{steps} {} ago", human(last)));
        }
        said
    }

    /// Writes the locations of its task and its work, each on lines of its own.
    pub(crate) fn write_places(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        if let Some(location) = &self.location {
            write_indented(f, indent, location)?;
        }
        for (what, list) in [("task", &self.tasks), ("open", &self.open)] {
            for work in &list.oldest {
                match &work.location {
                    Some(location) => write_indented(f, indent, &format_args!("{what} {work}: {location}"))?,
                    None => write!(f, "\n{indent}{what} {work}")?,
                }
            }
            if list.more > 0 {
                write!(f, "\n{indent}and {} more", list.more)?;
            }
        }
        Ok(())
    }

    /// Writes its breadcrumbs and locations, for the report of an abort.
    pub(crate) fn write_end(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let said = self.said();
        if !said.is_empty() {
            write!(f, "\n{indent}{}", said.join(", "))?;
        }
        self.write_places(f, indent)
    }

    /// Returns each probe, and the place of its location.
    fn questions(&mut self) -> impl Iterator<Item = (&Probe, &mut Option<Location>)> {
        let own = self.probe.iter().zip([&mut self.location]);
        let work = self.tasks.oldest.iter_mut().chain(&mut self.open.oldest);
        own.chain(work.filter_map(|work| Some((work.probe.as_ref()?, &mut work.location))))
    }

    /// Returns the probes of its task and its work.
    pub(crate) fn probes(&mut self) -> impl Iterator<Item = Probe> {
        self.questions().map(|(probe, _)| probe.clone())
    }

    pub(crate) fn forget_probes(&mut self) {
        self.probe = None;
        for work in self.tasks.oldest.iter_mut().chain(&mut self.open.oldest) {
            work.probe = None;
        }
    }

    /// Enters locations, in the order of the [`probes`](Self::probes).
    pub(crate) fn set_locations<'a>(&mut self, locations: &mut impl Iterator<Item = &'a Location>) {
        for (_, location) in self.questions() {
            let Some(found) = locations.next() else { return };
            *location = Some(found.clone());
        }
    }
}

fn write_indented(f: &mut fmt::Formatter<'_>, indent: &str, text: &impl fmt::Display) -> fmt::Result {
    text.to_string().lines().try_for_each(|line| write!(f, "\n{indent}{line}"))
}
