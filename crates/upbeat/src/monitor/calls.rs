//! The active calls of a monitor, and the counters of the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};
use upbeat_probe::Probe;

use super::{CallCounts, CallError, settings::MonitorSettings};
use crate::{display::millis, targets};
/// The work of a call.
#[derive(Clone)]
pub(super) enum CallWork {
    Future(Probe),
    /// A function, and the time at which it got a thread.
    Blocking(Option<Instant>),
}

/// An active call.
#[derive(Clone)]
pub(super) struct OpenCall {
    pub(super) name: Arc<str>,
    pub(super) since: Instant,
    pub(super) work: CallWork,
    /// Whether the caller waits for the result. Code that clears this, or removes the call while it
    /// is set, counts the call.
    awaited: bool,
}

/// The period from an alert to the end of one of the stuck calls.
struct Episode {
    stuck_since: Instant,
    /// Whether the alert has been raised. Before that, the calls are being probed.
    raised: bool,
    /// The call that ended before the alert was raised. Its end is logged after the alert.
    recovered_by: Option<Arc<str>>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// In the order in which they began, so the last one is the youngest.
    open: BTreeMap<u64, OpenCall>,
    counts: CallCounts,
    watching: bool,
    watch: Option<AbortHandle>,
    episode: Option<Episode>,
}

/// The reason for which a caller waits no longer.
#[derive(Clone, Copy, Debug)]
pub(super) enum WaitEnd {
    TimedOut,
    Abandoned,
}

/// The next step of the watch.
pub(super) enum WatchStep {
    /// The watch ends: fewer calls than the maximum are active, or the alert has been raised. The
    /// next call that reaches the maximum starts a new watch.
    End,
    /// The watch sleeps until then and checks again.
    SleepUntil(Instant),
    /// The watch raises the alert. All calls have been stuck for this time.
    Raise(Duration),
}

/// The calls of a monitor.
pub(super) struct Calls {
    pub(super) settings: MonitorSettings,
    state: Mutex<State>,
}

impl Calls {
    pub(super) fn new(settings: MonitorSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Adds an active call. Returns its key, and whether a watch must be started because the
    /// maximum is reached.
    ///
    /// # Errors
    ///
    /// If the maximum of calls is active.
    pub(super) fn enter(&self, name: Arc<str>, work: CallWork) -> Result<(u64, bool), CallError> {
        let mut state = self.state.lock();
        // Read under the lock, so that keys and times have the same order.
        let now = Instant::now();
        state.counts.calls += 1;
        if state.open.len() >= self.settings.max_calls {
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
        state.open.insert(key, OpenCall { name, since: now, work, awaited: true });
        let watch = state.open.len() >= self.settings.max_calls && !std::mem::replace(&mut state.watching, true);
        Ok((key, watch))
    }

    /// Records that a blocking function has got a thread.
    pub(super) fn set_running(&self, key: u64) {
        if let Some(open) = self.state.lock().open.get_mut(&key) {
            open.work = CallWork::Blocking(Some(Instant::now()));
        }
    }

    /// Records that the caller waits no longer. Returns `false` if the call has ended and was
    /// counted. Then its result has been sent or is about to be.
    pub(super) fn end_wait(&self, key: u64, why: WaitEnd) -> bool {
        let mut state = self.state.lock();
        let State { open, counts, .. } = &mut *state;
        match open.get_mut(&key) {
            Some(open) if open.awaited => {
                open.awaited = false;
                match why {
                    WaitEnd::TimedOut => counts.timed_out += 1,
                    WaitEnd::Abandoned => counts.abandoned += 1,
                }
                true
            }
            _ => false,
        }
    }

    /// Removes a call whose caller waits, and counts it with `count`. Returns `false` without any
    /// effect if the caller does not wait.
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

    /// Removes a call whose caller does not wait, and counts it with `count`.
    pub(super) fn leave_late(&self, key: u64, count: impl FnOnce(&mut CallCounts)) {
        let mut state = self.state.lock();
        count(&mut state.counts);
        let left = state.remove(key);
        drop(state);
        self.left(left);
    }

    /// Logs the recovery. The lock is not held: subscribers run foreign code, and the last probe
    /// may drop a waker.
    fn left(&self, (open, episode): (Option<OpenCall>, Option<Episode>)) {
        if let (Some(open), Some(episode)) = (open, episode) {
            self.log_recovery(&open.name, &episode);
        }
    }

    fn log_recovery(&self, by: &str, episode: &Episode) {
        let stuck_ms = millis(episode.stuck_since.elapsed());
        tracing::info!(target: targets::MONITOR, monitor = &*self.settings.name, call = by, stuck_ms, "monitor recovered");
    }

    fn is_stuck(&self, open: &OpenCall, now: Instant) -> bool {
        open.since.checked_add(self.settings.timeout).is_some_and(|due| due <= now)
    }

    /// Returns the next step of the watch, which raises no alert before a time.
    pub(super) fn watch_step(&self, not_before: Option<Instant>) -> WatchStep {
        let mut state = self.state.lock();
        let youngest = state.open.values().next_back().map(|open| open.since);
        let full = state.open.len() >= self.settings.max_calls && state.episode.is_none();
        // A time that the clock cannot represent never comes.
        let stuck_since = youngest.filter(|_| full).and_then(|since| since.checked_add(self.settings.timeout));
        let due = stuck_since.and_then(|since| Some((since, since.checked_add(self.settings.alert_after)?)));
        let Some((stuck_since, due)) = due else {
            state.watching = false;
            return WatchStep::End;
        };
        let due = not_before.map_or(due, |not_before| due.max(not_before));
        let now = Instant::now();
        if now < due {
            return WatchStep::SleepUntil(due);
        }
        state.episode = Some(Episode { stuck_since, raised: false, recovered_by: None });
        WatchStep::Raise(now - stuck_since)
    }

    /// Records that the alert has been raised.
    pub(super) fn alert_raised(&self) {
        let mut state = self.state.lock();
        let Some(episode) = &mut state.episode else { return };
        episode.raised = true;
        let Some(by) = episode.recovered_by.clone() else { return };
        if let Some(episode) = state.episode.take() {
            drop(state);
            self.log_recovery(&by, &episode);
        }
    }

    /// Records that the watch was dropped before its end, because its runtime ends.
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

    /// Returns the active calls, the oldest first, and whether they are stuck.
    pub(super) fn open(&self) -> Vec<(OpenCall, bool)> {
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
    fn remove(&mut self, key: u64) -> (Option<OpenCall>, Option<Episode>) {
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

impl Drop for Calls {
    fn drop(&mut self) {
        // No clone is left, and no call is active.
        if let Some(watch) = self.state.get_mut().watch.take() {
            watch.abort();
        }
    }
}
