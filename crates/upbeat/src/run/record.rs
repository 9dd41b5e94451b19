//! The record of a run: its failures, details and notes, and the tasks that it has spawned.

use std::{error::Error as StdError, fmt, ptr, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat_probe::Probe;

use super::{activity::Activity, root::RunTokens};
use crate::{
    display::human,
    error::{BoxError, sources},
    panic::Panic,
    report::player::PlayerReport,
    snapshot::{player::PlayerSnapshot, work::WorkList},
    stop_cause::StopCause,
};

/// The number of lines of `Context::note` that are kept.
const MAX_NOTES: usize = 64;
/// The number of lines of `Context::report_lost` that are kept.
const MAX_LOST: usize = 1024;

/// The failure of a player.
#[derive(Debug)]
pub(crate) enum RunFailure {
    Error(BoxError),
    Panic(Panic),
}

/// The error of a run that has not sent a heartbeat in time.
#[derive(Debug)]
pub(crate) struct MissedHeartbeat {
    pub(crate) elapsed: Duration,
    /// The state of the player at that time, on one line.
    pub(crate) state: String,
}

impl fmt::Display for MissedHeartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no heartbeat for {}: {}", human(self.elapsed), self.state)
    }
}

impl StdError for MissedHeartbeat {}

/// The record of a run, which its conductor takes at the end.
#[derive(Debug, Default)]
pub(crate) struct RunRecord {
    /// The failure of `play`.
    pub(crate) failure: Option<RunFailure>,
    /// Panics outside `play`'s polls: of spawned tasks by their name, and of the player's drop.
    pub(crate) other_panics: Vec<(Option<Arc<str>>, Panic)>,
    details: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<String>,
    pub(crate) lost: Vec<String>,
    pub(crate) omitted_lost: u64,
    /// The reports of the parts of a nested conductor.
    pub(crate) players: Vec<PlayerReport>,
    /// The path of the player that made a nested conductor fail.
    pub(crate) root_cause: Option<Arc<str>>,
    /// The cause of the stop, as the errors of the run's contexts hold it. Its address tells them
    /// from the errors of other runs.
    stop_cause: Option<Arc<StopCause>>,
    /// The state of the player when it was aborted because it had not stopped in time.
    pub(crate) stuck: Option<Box<PlayerSnapshot>>,
    /// Set if the run has failed before its end for a missed heartbeat.
    pub(crate) missed_heartbeat: Option<MissedHeartbeat>,
    /// Set with the first context below the run's own.
    pub(super) tokens: Option<Arc<RunTokens>>,
    pub(super) spawned: Vec<SpawnedTask>,
    sources: Vec<WorkSource>,
}

/// A task that the player has spawned.
#[derive(Debug)]
pub(super) struct SpawnedTask {
    pub(super) name: Arc<str>,
    pub(super) since: Instant,
    pub(super) task: AbortHandle,
    pub(super) probe: Probe,
}

/// A function that lists open work of a run.
#[derive(Clone)]
struct WorkSource(Arc<dyn Fn(&mut WorkList) + Send + Sync>);

impl fmt::Debug for WorkSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkSource")
    }
}

/// The record and the activity of a run, which most runs never need.
#[derive(Debug, Default)]
pub(super) struct RunRecordCell {
    pub(super) record: Mutex<RunRecord>,
    pub(super) activity: Activity,
}

impl RunRecord {
    /// Returns the cause of the stop for an error of one of the run's contexts.
    pub(super) fn share_stop_cause(&mut self, cause: &StopCause) -> Arc<StopCause> {
        self.stop_cause.get_or_insert_with(|| Arc::new(cause.clone())).clone()
    }

    /// Returns whether the error, or one of its sources, is that a context of this run was canceled
    /// by its stop.
    ///
    /// The address of the cause is compared, because a wrapper may hide the type of the error that
    /// it wraps, but not its source.
    pub(crate) fn is_own_cancelation(&self, error: &(dyn StdError + 'static)) -> bool {
        let Some(cause) = &self.stop_cause else { return false };
        sources(error).any(|error| ptr::addr_eq(error, Arc::as_ptr(cause)))
    }

    pub(super) fn add_source(&mut self, list: Arc<dyn Fn(&mut WorkList) + Send + Sync>) {
        self.sources.push(WorkSource(list));
    }

    /// Sets a detail. A later value of the same key replaces the earlier one.
    pub(super) fn set_detail(&mut self, key: &'static str, value: String) {
        match self.details.iter_mut().find(|(other, _)| *other == key) {
            Some((_, old)) => *old = value,
            None => self.details.push((key, value)),
        }
    }

    /// Adds a note. The last ones are kept.
    pub(super) fn add_note(&mut self, line: String) {
        if self.notes.len() == MAX_NOTES {
            self.notes.remove(0);
        }
        self.notes.push(line);
    }

    /// Adds lost work. The first lines are kept, and the others counted.
    pub(super) fn add_lost(&mut self, line: String) {
        if self.lost.len() < MAX_LOST {
            self.lost.push(line);
        } else {
            self.omitted_lost += 1;
        }
    }
}

impl RunRecordCell {
    /// Lists the open work. The sources are foreign code, so they run without the lock.
    pub(super) fn open_work(&self) -> WorkList {
        let sources = self.record.lock().sources.clone();
        let mut list = WorkList::default();
        for WorkSource(source) in sources {
            source(&mut list);
        }
        list
    }

    /// Enters the record and the activity into a snapshot, without the open work.
    pub(super) fn fill(&self, snapshot: &mut PlayerSnapshot) {
        (snapshot.at, snapshot.blocked_on) = self.activity.breadcrumbs();
        let reading = self.activity.read();
        snapshot.last_heartbeat = reading.last.map(|_| reading.since_last);
        snapshot.progress = reading.count;
        let record = self.record.lock();
        snapshot.details.clone_from(&record.details);
        for spawned in record.spawned.iter().filter(|spawned| !spawned.task.is_finished()) {
            snapshot.tasks.add(spawned.since, || spawned.name.to_string(), Some(spawned.probe.clone()));
        }
    }
}
