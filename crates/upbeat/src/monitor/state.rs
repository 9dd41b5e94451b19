//! Which calls are active, and what became of the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat_probe::Probe;

use super::{Alert, CallError};
use crate::display::human;

pub(super) type OnAlert = Arc<dyn Fn(&Alert) + Send + Sync>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) name: Arc<str>,
    pub(super) timeout: Duration,
    pub(super) most: usize,
    pub(super) alert_after: Duration,
    pub(super) cancel: bool,
    pub(super) on_alert: Option<OnAlert>,
}

/// What became of the calls of a [`Monitor`](crate::monitor::Monitor).
///
/// Every call that is over for its caller is counted once:
/// `calls = done + panicked + timed_out + busy + abandoned + lost`, and those that somebody still waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallCounts {
    /// All calls, refused ones included.
    pub calls: u64,
    /// Those that returned in time.
    pub done: u64,
    /// Those that panicked in time.
    pub panicked: u64,
    /// Those whose caller was told that they timed out.
    pub timed_out: u64,
    /// Those that were refused.
    pub busy: u64,
    /// Those whose caller went away before they returned or timed out.
    pub abandoned: u64,
    /// Those that were dropped before they returned, because their runtime ends.
    pub lost: u64,
    /// How many of those that timed out or were abandoned have returned or panicked since. Their results were discarded.
    pub late: u64,
}

/// What a call runs as.
#[derive(Clone)]
pub(super) enum Work {
    Future(Probe),
    /// A function, and since when it has a thread.
    Blocking(Option<Instant>),
}

/// An active call.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) name: Arc<str>,
    pub(super) since: Instant,
    pub(super) work: Work,
    /// Whether the caller still waits for the result. Whoever changes this, or removes the call while it is set, counts the call.
    awaited: bool,
}

/// From the moment that all calls have been stuck for long enough to the moment that one returns.
struct Episode {
    stuck_since: Instant,
    /// The alert is out. Before, the calls are being asked where they wait.
    raised: bool,
    /// Who returned before the alert was out; so that nobody reads of the end before the beginning.
    recovered_by: Option<Arc<str>>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// In the order of their beginning, so the last one is the youngest.
    open: BTreeMap<u64, Open>,
    counts: CallCounts,
    watching: bool,
    watch: Option<AbortHandle>,
    episode: Option<Episode>,
}

/// Why nobody waits for a call any more.
#[derive(Clone, Copy, Debug)]
pub(super) enum GaveUp {
    TimedOut,
    Abandoned,
}

/// What the watch does next.
pub(super) enum Look {
    /// Nothing: somebody has a place, or the alert is out. The next call that takes the last place starts a new watch.
    Over,
    /// It looks again then.
    At(Instant),
    /// It raises the alert. All have been stuck for so long.
    Raise(Duration),
}

pub(super) struct Inner {
    pub(super) settings: Settings,
    state: Mutex<State>,
}

impl Inner {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Takes a place, and says as what; and whether a watch has to be started, since it was the last one.
    pub(super) fn enter(&self, name: Arc<str>, work: Work) -> Result<(u64, bool), CallError> {
        let mut state = self.state.lock();
        // Under the lock, so that the order of the keys is that of the times.
        let now = Instant::now();
        state.counts.calls += 1;
        if state.open.len() >= self.settings.most {
            state.counts.busy += 1;
            let busy = CallError::Busy {
                monitor: self.settings.name.clone(),
                active: state.open.len(),
                stuck: state.open.values().filter(|open| self.is_stuck(open, now)).count(),
                longest: state.open.values().next().map_or(Duration::ZERO, |oldest| now - oldest.since),
            };
            return Err(busy);
        }
        let key = state.next;
        state.next += 1;
        state.open.insert(key, Open { name, since: now, work, awaited: true });
        let watch = state.open.len() >= self.settings.most && !std::mem::replace(&mut state.watching, true);
        Ok((key, watch))
    }

    /// A blocking function has got its thread.
    pub(super) fn has_thread(&self, key: u64) {
        if let Some(open) = self.state.lock().open.get_mut(&key) {
            open.work = Work::Blocking(Some(Instant::now()));
        }
    }

    /// The caller waits no longer. `false` if the call has come to its end, which has been counted and whose result is there or on its way.
    pub(super) fn give_up(&self, key: u64, why: GaveUp) -> bool {
        let mut state = self.state.lock();
        let State { open, counts, .. } = &mut *state;
        match open.get_mut(&key) {
            Some(open) if open.awaited => {
                open.awaited = false;
                match why {
                    GaveUp::TimedOut => counts.timed_out += 1,
                    GaveUp::Abandoned => counts.abandoned += 1,
                }
                true
            }
            _ => false,
        }
    }

    /// Gives the place of a call that is awaited back, and counts it with `count`; `false`, and nothing, if nobody waits for it.
    pub(super) fn leave_if_awaited(&self, key: u64, count: impl FnOnce(&mut CallCounts)) -> bool {
        let mut state = self.state.lock();
        if !state.open.get(&key).is_some_and(|open| open.awaited) {
            return false;
        }
        count(&mut state.counts);
        let left = state.remove(key);
        drop(state);
        self.left(left);
        true
    }

    /// Gives the place of a call back that nobody waits for, and counts it with `count`.
    pub(super) fn leave_late(&self, key: u64, count: impl FnOnce(&mut CallCounts)) {
        let mut state = self.state.lock();
        count(&mut state.counts);
        let left = state.remove(key);
        drop(state);
        self.left(left);
    }

    /// Without the lock: events are heard by code of others, and the last probe may drop a waker.
    fn left(&self, (open, episode): (Option<Open>, Option<Episode>)) {
        if let (Some(open), Some(episode)) = (open, episode) {
            self.say_recovered(&open.name, &episode);
        }
    }

    fn say_recovered(&self, by: &str, episode: &Episode) {
        let (name, stuck) = (&*self.settings.name, human(episode.stuck_since.elapsed()));
        tracing::info!(monitor = name, "`{name}` has recovered: `{by}` ended, after all were stuck for {stuck}");
    }

    fn is_stuck(&self, open: &Open, now: Instant) -> bool {
        open.since.checked_add(self.settings.timeout).is_some_and(|due| due <= now)
    }

    pub(super) fn next_look(&self) -> Look {
        let mut state = self.state.lock();
        let youngest = state.open.values().next_back().map(|open| open.since);
        let full = state.open.len() >= self.settings.most && state.episode.is_none();
        // A sum that the clock cannot represent is a time that never comes.
        let stuck_since = youngest.filter(|_| full).and_then(|since| since.checked_add(self.settings.timeout));
        let due = stuck_since.and_then(|since| Some((since, since.checked_add(self.settings.alert_after)?)));
        let Some((stuck_since, due)) = due else {
            state.watching = false;
            return Look::Over;
        };
        let now = Instant::now();
        if now < due {
            return Look::At(due);
        }
        state.episode = Some(Episode { stuck_since, raised: false, recovered_by: None });
        Look::Raise(now - stuck_since)
    }

    /// The alert is out.
    pub(super) fn raised(&self) {
        let mut state = self.state.lock();
        let Some(episode) = &mut state.episode else { return };
        episode.raised = true;
        let Some(by) = episode.recovered_by.clone() else { return };
        if let Some(episode) = state.episode.take() {
            drop(state);
            self.say_recovered(&by, &episode);
        }
    }

    /// The watch was dropped in its middle: its runtime ends.
    pub(super) fn watch_lost(&self) {
        let mut state = self.state.lock();
        state.watching = false;
        if state.episode.as_ref().is_some_and(|episode| !episode.raised) {
            state.episode = None;
        }
    }

    pub(super) fn keep_watch(&self, watch: AbortHandle) {
        self.state.lock().watch = Some(watch);
    }

    /// The active calls, the oldest first, and whether they are stuck.
    pub(super) fn open(&self) -> Vec<(Open, bool)> {
        let state = self.state.lock();
        let now = Instant::now();
        state.open.values().map(|open| (open.clone(), self.is_stuck(open, now))).collect()
    }

    pub(super) fn active(&self) -> usize {
        self.state.lock().open.len()
    }

    pub(super) fn counts(&self) -> CallCounts {
        self.state.lock().counts
    }

    pub(super) fn is_alerted(&self) -> bool {
        self.state.lock().episode.as_ref().is_some_and(|episode| episode.recovered_by.is_none())
    }
}

impl State {
    fn remove(&mut self, key: u64) -> (Option<Open>, Option<Episode>) {
        let open = self.open.remove(&key);
        let over = match (&open, &mut self.episode) {
            (Some(_), Some(Episode { raised: true, .. })) => self.episode.take(),
            (Some(open), Some(episode)) => {
                episode.recovered_by.get_or_insert_with(|| open.name.clone());
                None
            }
            _ => None,
        };
        (open, over)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody can call any more, and nothing is active.
        if let Some(watch) = self.state.get_mut().watch.take() {
            watch.abort();
        }
    }
}
