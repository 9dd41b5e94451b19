//! The activity of a run: its heartbeats, its progress, and its status.

use std::borrow::Cow;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    progress::{Progress, ProgressReading},
    snapshot::breadcrumb::Breadcrumb,
};

/// The heartbeats, the progress and the breadcrumbs of a run.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    meter: Progress,
    breadcrumbs: Mutex<Breadcrumbs>,
}

#[derive(Debug, Default)]
struct Breadcrumbs {
    status: Option<(Cow<'static, str>, Instant)>,
    blocked_on: Vec<(u64, Cow<'static, str>, Instant)>,
    next: u64,
}

impl Activity {
    /// Counts steps, which is a heartbeat. Zero steps are a heartbeat too.
    pub(crate) fn add(&self, steps: u64) {
        self.meter.add(steps);
    }

    pub(crate) fn read(&self) -> ProgressReading {
        self.meter.read()
    }

    pub(crate) fn set_status(&self, text: Cow<'static, str>) {
        self.breadcrumbs.lock().status = Some((text, Instant::now()));
    }

    /// Marks the run as blocked on something else until the guard is dropped.
    pub(crate) fn blocked_on(&self, text: Cow<'static, str>) -> BlockedGuard<'_> {
        let mut breadcrumbs = self.breadcrumbs.lock();
        let key = breadcrumbs.next;
        breadcrumbs.next += 1;
        breadcrumbs.blocked_on.push((key, text, Instant::now()));
        BlockedGuard { activity: self, key }
    }

    /// Returns whether the run is blocked on something else, so that no heartbeat is expected.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.breadcrumbs.lock().blocked_on.is_empty()
    }

    /// Returns the last status, and everything that the run is blocked on.
    pub(crate) fn breadcrumbs(&self) -> (Option<Breadcrumb>, Vec<Breadcrumb>) {
        let breadcrumbs = self.breadcrumbs.lock();
        let crumb = |text: &Cow<'static, str>, since: Instant| Breadcrumb { text: text.clone(), age: since.elapsed() };
        let status = breadcrumbs.status.as_ref().map(|(text, since)| crumb(text, *since));
        (status, breadcrumbs.blocked_on.iter().map(|(_, text, since)| crumb(text, *since)).collect())
    }
}

/// A time in which a run is blocked on something else.
pub(crate) struct BlockedGuard<'a> {
    activity: &'a Activity,
    key: u64,
}

impl Drop for BlockedGuard<'_> {
    fn drop(&mut self) {
        // First, so that the watchdog never sees an old heartbeat of a run that is not blocked.
        self.activity.add(0);
        self.activity.breadcrumbs.lock().blocked_on.retain(|(key, ..)| *key != self.key);
    }
}
