//! The task that raises alerts.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{
    Alert,
    calls::{Calls, WatchStep},
    locate::active_calls,
};
use crate::{display::millis, instant::STANDSTILL, panic::catch, targets};

/// Starts the task that raises the alert unless a call ends in time.
///
/// There is at most one. It sleeps until the alert would be due, and calls that return do not wake
/// it. A busy monitor therefore pays for it once in a while, and not with every call.
pub(super) fn start(calls: &Arc<Calls>) {
    let watch = AlertWatch { calls: Arc::downgrade(calls), ended: false };
    let task = tokio::spawn(watch.run());
    calls.keep_watch(task.abort_handle());
}

struct AlertWatch {
    /// Weak, so that a sleeping watch does not keep an unused monitor.
    calls: Weak<Calls>,
    ended: bool,
}

impl AlertWatch {
    async fn run(mut self) {
        let mut not_before = None;
        while let Some(calls) = self.calls.upgrade() {
            match calls.watch_step(not_before) {
                WatchStep::End => {
                    self.ended = true;
                    return;
                }
                WatchStep::SleepUntil(time) => {
                    let alert_after = calls.settings.alert_after;
                    drop(calls);
                    sleep_until(time).await;
                    let now = Instant::now();
                    // The whole process stood still, so the calls get this time once more.
                    if now.saturating_duration_since(time) >= STANDSTILL {
                        not_before = now.checked_add(alert_after);
                    }
                }
                WatchStep::Raise(stuck_for) => raise(&calls, stuck_for).await,
            }
        }
    }
}

impl Drop for AlertWatch {
    fn drop(&mut self) {
        if !self.ended
            && let Some(calls) = self.calls.upgrade()
        {
            calls.watch_lost();
        }
    }
}

async fn raise(calls: &Calls, stuck_for: Duration) {
    let monitor = calls.settings.name.clone();
    let alert = Alert { monitor, stuck_for, calls: active_calls(calls).await };
    tracing::error!(
        target: targets::MONITOR,
        monitor = &*alert.monitor,
        stuck_ms = millis(stuck_for),
        calls = %alert.list(),
        "all calls of the monitor are stuck"
    );
    if let Some(on_alert) = &calls.settings.on_alert
        && let Err(panic) = catch(|| on_alert(&alert))
    {
        let (monitor, panic, location) = (&*alert.monitor, panic.message(), panic.location());
        tracing::error!(target: targets::MONITOR, monitor, panic, location, "alert callback panicked");
    }
    calls.alert_raised();
}
