//! What a run says, and what is to be said of it.

use std::{fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat_probe::Probe;

use super::{Run, activity::Pulse, event::Notice, root::Root};
use crate::{
    display::human,
    error::BoxError,
    panic::Panic,
    report::player::PlayerReport,
    snapshot::{player::PlayerSnapshot, work::WorkList},
};

/// How many lines of [`Context::note`] are kept.
const NOTES_KEPT: usize = 64;
/// How many lines of [`Context::report_lost`] are kept.
const CUTS: usize = 1024;

/// Why a run failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Error(BoxError),
    Panic(Panic),
}

/// A player gave no sign of life for too long.
#[derive(Debug)]
pub(crate) struct Silence {
    pub(crate) lasted: Duration,
    /// What it was doing, as one line.
    pub(crate) doing: String,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the watchdog saw no sign of life for {}: {}", human(self.lasted), self.doing)
    }
}

impl std::error::Error for Silence {}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Why `play` failed.
    pub(crate) fault: Option<Fault>,
    /// Panics outside `play`'s polls: of spawned tasks by their name, and of the player's drop.
    pub(crate) other_panics: Vec<(Option<Arc<str>>, Panic)>,
    pub(crate) details: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<String>,
    pub(crate) lost: Vec<String>,
    pub(crate) omitted_lost: u64,
    /// What the parts of a nested conductor have to say.
    pub(crate) players: Vec<PlayerReport>,
    /// What it was doing when it was aborted because it had not stopped in time.
    pub(crate) stuck: Option<Box<PlayerSnapshot>>,
    /// It has failed before its end, because it gave no sign of life.
    pub(crate) silence: Option<Silence>,
    /// What the contexts below this run's hang on, once there is one.
    pub(crate) root: Option<Arc<Root>>,
    pub(crate) spawned: Vec<Spawned>,
    sources: Vec<Source>,
}

/// A task that the player has spawned.
#[derive(Debug)]
pub(crate) struct Spawned {
    pub(crate) name: Arc<str>,
    pub(crate) since: Instant,
    pub(crate) task: AbortHandle,
    pub(crate) probe: Probe,
}

/// Lists what a run has under way.
struct Source(Arc<dyn Fn(&mut WorkList) + Send + Sync>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// What a run says, and what is to be said of it.
#[derive(Debug, Default)]
pub(crate) struct Sayings {
    pub(crate) account: Mutex<Account>,
    pulse: Pulse,
}

impl Run {
    fn sayings(&self) -> &Sayings {
        self.sayings.get_or_init(Box::default)
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.sayings().pulse
    }

    pub(crate) fn add_source(&self, list: Arc<dyn Fn(&mut WorkList) + Send + Sync>) {
        self.with_account(|account| account.sources.push(Source(list)));
    }

    /// Keeps what the run was doing when it was given up.
    pub(crate) fn was_stuck(&self, doing: PlayerSnapshot) {
        self.with_account(|account| account.stuck = Some(Box::new(doing)));
    }

    /// The run has given no sign of life for too long, and is to be stopped for that.
    pub(crate) fn fell_silent(&self, silence: Silence, restart: bool) {
        self.with_account(|account| account.silence = Some(silence));
        self.link.notify(Notice::Unresponsive { part: self.part, run: self.id, restart });
    }

    pub(crate) fn set_degraded(&self, degraded: bool) {
        self.link.notify(Notice::Degraded { part: self.part, run: self.id, degraded });
    }

    /// Enters what the run is doing, without its open work.
    pub(crate) fn look(&self, snapshot: &mut PlayerSnapshot) {
        snapshot.remaining = self.stop.stopping().map(|stop| stop.deadline.saturating_duration_since(Instant::now()));
        let Some(Sayings { account, pulse }) = self.sayings.get().map(|sayings| &**sayings) else { return };
        (snapshot.at, snapshot.blocked_on) = pulse.breadcrumbs();
        let reading = pulse.read();
        snapshot.last_heartbeat = reading.last.map(|_| reading.since_last);
        snapshot.progress = reading.count;
        let account = account.lock();
        snapshot.details.clone_from(&account.details);
        for spawned in account.spawned.iter().filter(|spawned| !spawned.task.is_finished()) {
            snapshot.tasks.add(spawned.since, || spawned.name.to_string(), Some(spawned.probe.clone()));
        }
    }

    /// What the run has under way, as those say who know.
    pub(crate) fn register_work(&self) -> WorkList {
        let mut list = WorkList::default();
        let Some(sayings) = self.sayings.get() else { return list };
        // A copy, because this is foreign code and must not run under the lock.
        let sources: Vec<_> = sayings.account.lock().sources.iter().map(|source| source.0.clone()).collect();
        for source in sources {
            source(&mut list);
        }
        list
    }

    pub(crate) fn detail(&self, key: &'static str, value: String) {
        self.with_account(|account| match account.details.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => account.details.push((key, value)),
        });
    }

    pub(crate) fn note(&self, line: String) {
        self.with_account(|account| {
            if account.notes.len() == NOTES_KEPT {
                account.notes.remove(0);
            }
            account.notes.push(line);
        });
    }

    pub(crate) fn report_lost(&self, line: String) {
        self.with_account(|account| {
            if account.lost.len() < CUTS {
                account.lost.push(line);
            } else {
                account.omitted_lost += 1;
            }
        });
    }

    /// Says what became of the parts of a nested conductor.
    pub(crate) fn attach(&self, players: Vec<PlayerReport>) {
        self.with_account(|account| account.players = players);
    }

    /// Takes what the run leaves behind. For when it is gone.
    pub(crate) fn take_account(&self) -> Option<Account> {
        Some(std::mem::take(&mut *self.sayings.get()?.account.lock()))
    }

    /// As [`with_account`](Run::with_account), but without making one.
    pub(crate) fn with_account_if_any<T>(&self, look: impl FnOnce(&mut Account) -> Option<T>) -> Option<T> {
        look(&mut self.sayings.get()?.account.lock())
    }

    pub(crate) fn with_account<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut self.sayings().account.lock())
    }
}
