//! Signs of life of a run: heartbeats, progress, and what it says it is doing.

use std::borrow::Cow;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    progress::{Progress, ProgressReading},
    snapshot::breadcrumb::Breadcrumb,
};

/// What a player says of itself, and when it last gave a sign of life.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    meter: Progress,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    at: Option<(Cow<'static, str>, Instant)>,
    blocked_on: Vec<(u64, Cow<'static, str>, Instant)>,
    next: u64,
}

impl Pulse {
    pub(crate) fn add(&self, steps: u64) {
        self.meter.add(steps);
    }

    pub(crate) fn read(&self) -> ProgressReading {
        self.meter.read()
    }

    pub(crate) fn at(&self, what: Cow<'static, str>) {
        self.notes.lock().at = Some((what, Instant::now()));
    }

    /// The player waits for somebody else, and is not to blame for it until the guard is dropped.
    pub(crate) fn blocked_on(&self, what: Cow<'static, str>) -> Blocked<'_> {
        let mut notes = self.notes.lock();
        let key = notes.next;
        notes.next += 1;
        notes.blocked_on.push((key, what, Instant::now()));
        Blocked { pulse: self, key }
    }

    pub(crate) fn is_blocked(&self) -> bool {
        !self.notes.lock().blocked_on.is_empty()
    }

    /// The last breadcrumb, and on whom the player waits.
    pub(crate) fn breadcrumbs(&self) -> (Option<Breadcrumb>, Vec<Breadcrumb>) {
        let notes = self.notes.lock();
        let crumb = |text: &Cow<'static, str>, since: Instant| Breadcrumb { text: text.clone(), age: since.elapsed() };
        let at = notes.at.as_ref().map(|(text, since)| crumb(text, *since));
        (at, notes.blocked_on.iter().map(|(_, text, since)| crumb(text, *since)).collect())
    }
}

/// Ends a time in which the player is not to blame.
pub(crate) struct Blocked<'a> {
    pulse: &'a Pulse,
    key: u64,
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        // First, so that nobody sees an old sign of life without its excuse.
        self.pulse.add(0);
        self.pulse.notes.lock().blocked_on.retain(|(key, ..)| *key != self.key);
    }
}
