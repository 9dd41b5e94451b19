//! The watchdog of a run: it notices missing heartbeats, logs the location of the player, and acts.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use upbeat_score::{OnUnresponsive, Watchdog};

use crate::{
    display::millis,
    instant::later,
    run::{Run, record::MissedHeartbeat, wait::Wait},
    targets,
    tree::{lookup::PROBE_TIMEOUT, overview::Overview},
};

/// Watches one run from the moment that it is ready until it is asked to stop or has ended.
///
/// A task of its own, so that it also notices a player that never yields.
pub(super) async fn watch(run: Arc<Run>, watchdog: Watchdog) {
    tokio::select! {
        biased;
        () = Wait::new(run.clone()) => {}
        () = guard(&run, watchdog) => {}
    }
}

async fn guard(run: &Arc<Run>, watchdog: Watchdog) {
    // To have become ready is a heartbeat.
    run.activity().add(0);
    loop {
        let elapsed = until_unresponsive(run, watchdog.timeout).await;
        let state = Overview::new(run.tree().clone()).dump_of(run.path(), PROBE_TIMEOUT).await;
        let missed = MissedHeartbeat { elapsed, state: state.map_or_else(String::new, |state| state.line()) };
        tracing::error!(
            target: targets::WATCHDOG,
            player = %run.path(),
            action = watchdog.action.as_str(),
            elapsed_ms = millis(missed.elapsed),
            state = missed.state,
            "missed heartbeat"
        );
        match watchdog.action {
            OnUnresponsive::Restart => return run.fail_unresponsive(missed, true),
            OnUnresponsive::Fail => return run.fail_unresponsive(missed, false),
            OnUnresponsive::NotReady => run.set_degraded(true),
            _ => {}
        }
        while is_unresponsive(run, watchdog.timeout) {
            sleep(watchdog.timeout / 2).await;
        }
        tracing::info!(target: targets::WATCHDOG, player = %run.path(), "heartbeat resumed");
        if watchdog.action == OnUnresponsive::NotReady {
            run.set_degraded(false);
        }
    }
}

/// Returns the time since the last heartbeat, once it is at least `timeout`.
///
/// The time that this task overslept does not count. Then the whole process may have stood still,
/// as after SIGSTOP or a snapshot of its machine, so that the player could send no heartbeat
/// either.
async fn until_unresponsive(run: &Arc<Run>, timeout: Duration) -> Duration {
    let mut last = None;
    let mut overslept = Duration::ZERO;
    let mut late = Duration::ZERO;
    loop {
        // From here on the time inside a poll that blocks its thread is measured.
        run.probe().busy();
        // In this order: a run that is no longer blocked has sent a heartbeat before.
        let is_blocked = run.activity().is_blocked();
        let seen = run.activity().read();
        if std::mem::replace(&mut last, seen.last) != seen.last {
            overslept = Duration::ZERO;
        }
        // Only the part of it since the last heartbeat.
        overslept += late.min(seen.since_last);
        let silent = seen.since_last.saturating_sub(overslept);
        if !is_blocked && silent >= timeout {
            return seen.since_last;
        }
        // A run that is blocked on something else has all of its time again afterwards.
        let left = if is_blocked { timeout } else { timeout.saturating_sub(silent) };
        // In two steps, because a standstill in the middle of a long sleep does not show.
        let step = if left > timeout / 4 { left / 2 } else { left };
        let wakes_at = later(Instant::now(), step);
        sleep_until(wakes_at).await;
        late = Instant::now().saturating_duration_since(wakes_at);
    }
}

fn is_unresponsive(run: &Run, timeout: Duration) -> bool {
    let activity = run.activity();
    // In this order: a run that is no longer blocked has sent a heartbeat before.
    let blocked = activity.is_blocked();
    !blocked && activity.read().since_last >= timeout
}
