//! The alert when everything is stuck, and the task that raises it.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};
use upbeat_probe::Answer;

use super::{
    CallCounts,
    state::{Inner, Look, Open, Work},
};
use crate::{display::human, panic::catch, resolve::ask_all};

/// All places of a [`Monitor`](crate::monitor::Monitor) are taken by calls that are stuck. Its names have been looked up: displaying it is quick.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Alert {
    /// The monitor's name.
    pub monitor: Arc<str>,
    /// For how long all calls had been past their time-out.
    pub stuck_for: Duration,
    /// The active calls, the oldest first.
    pub calls: Vec<ActiveCall>,
}

/// A call that is active, when it was looked at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActiveCall {
    /// Its name.
    pub name: Arc<str>,
    /// How long ago it began.
    pub age: Duration,
    /// It is past its time-out.
    pub stuck: bool,
    /// Where it is.
    pub at: CallPlace,
}

/// Where an active call is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CallPlace {
    /// A future, and what its probe said.
    Future(Answer),
    /// A function on a blocking thread, and for how long. Where in it, cannot be seen from outside.
    Blocking(Duration),
    /// A function that waits for one of the runtime's blocking threads to be free.
    Queued,
}

/// What a [`Monitor`](crate::monitor::Monitor) looks like. Its names have been looked up: displaying it is quick.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MonitorSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// How many calls may be active.
    pub at_most: usize,
    /// The active calls, the oldest first.
    pub calls: Vec<ActiveCall>,
    /// An alert was raised, and no call has ended since.
    pub alerted: bool,
    /// What became of the others.
    pub counts: CallCounts,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { monitor, stuck_for, calls } = self;
        write!(f, "`{monitor}` is stuck: all its {} calls, for {}", calls.len(), human(*stuck_for))?;
        calls.iter().try_for_each(|call| write!(f, "\n{call}"))
    }
}

impl fmt::Display for MonitorSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, at_most, calls, .. } = self;
        write!(f, "`{name}`: {} of {at_most} calls", calls.len())?;
        calls.iter().try_for_each(|call| write!(f, "\n{call}"))
    }
}

impl fmt::Display for ActiveCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, age, stuck, at } = self;
        write!(f, "`{name}`, {}{}: {at}", human(*age), if *stuck { ", stuck" } else { "" })
    }
}

impl fmt::Display for CallPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Future(answer) => answer.fmt(f),
            Self::Blocking(time) => write!(f, "on a blocking thread for {}", human(*time)),
            Self::Queued => f.write_str("waiting for a free blocking thread"),
        }
    }
}

/// Looks at the active calls and asks those that are futures.
pub(super) async fn look(inner: &Inner) -> Vec<ActiveCall> {
    let open = inner.open();
    let now = Instant::now();
    let probe = |(open, _): &(Open, bool)| match &open.work {
        Work::Future(probe) => Some(probe.clone()),
        Work::Blocking(_) => None,
    };
    let probes: Vec<_> = open.iter().filter_map(probe).collect();
    let mut answers = ask_all(&probes).await.into_iter();
    let calls = open.into_iter().map(|(open, stuck)| {
        let at = match open.work {
            // There is one for each.
            Work::Future(_) => CallPlace::Future(answers.next().unwrap_or(Answer::Silent)),
            Work::Blocking(Some(since)) => CallPlace::Blocking(now - since),
            Work::Blocking(None) => CallPlace::Queued,
        };
        ActiveCall { name: open.name, age: now - open.since, stuck, at }
    });
    calls.collect()
}

/// Starts the task that raises the alert, if it is not averted.
///
/// There is at most one, and it sleeps until the alert would be due: calls that return do not wake it, so a busy monitor pays
/// for it once in a while and not with every call.
pub(super) fn watch(inner: &Arc<Inner>) {
    let watch = Watch { inner: Arc::downgrade(inner), over: false };
    let task = tokio::spawn(watch.run());
    inner.keep_watch(task.abort_handle());
}

struct Watch {
    /// Weak, so that a sleeping watch does not keep a monitor that nobody has any more.
    inner: Weak<Inner>,
    over: bool,
}

impl Watch {
    async fn run(mut self) {
        while let Some(inner) = self.inner.upgrade() {
            match inner.next_look() {
                Look::Over => {
                    self.over = true;
                    return;
                }
                Look::At(time) => {
                    drop(inner);
                    sleep_until(time).await;
                }
                Look::Raise(stuck_for) => raise(&inner, stuck_for).await,
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.over
            && let Some(inner) = self.inner.upgrade()
        {
            inner.watch_lost();
        }
    }
}

async fn raise(inner: &Inner, stuck_for: Duration) {
    let alert = Alert { monitor: inner.settings.name.clone(), stuck_for, calls: look(inner).await };
    tracing::error!(monitor = &*alert.monitor, "{alert}");
    if let Some(on_alert) = &inner.settings.on_alert
        && let Err(panic) = catch(|| on_alert(&alert))
    {
        tracing::error!(monitor = &*alert.monitor, "the alert's callback {panic}");
    }
    inner.raised();
}
