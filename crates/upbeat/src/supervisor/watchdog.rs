//! The watchdog of a run: notices that it gives no sign of life, says where it is, and acts.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};
use upbeat_score::{OnUnresponsive, Watchdog};

use crate::{
    run::{Playing, Run, record::Silence, wait::Wait},
    tree::{lookup::PROBE_TIMEOUT, overview::Overview},
};

/// Watches one run, from the moment that it is ready until it is asked to stop or has ended.
///
/// A task of its own, so that it notices also a player that never yields.
pub(crate) async fn watch(playing: Playing, dog: Watchdog) {
    tokio::select! {
        biased;
        () = Wait::new(playing.run.clone()) => {}
        () = guard(&playing, dog) => {}
    }
}

async fn guard(playing: &Playing, dog: Watchdog) {
    let run = &playing.run;
    // To have become ready is a sign of life.
    run.pulse().add(0);
    loop {
        let lasted = until_silent(playing, dog.timeout).await;
        let doing = Overview::new(run.tree().clone()).dump_of(run.path(), PROBE_TIMEOUT).await;
        let silence = Silence { lasted, doing: doing.map_or_else(String::new, |doing| doing.line()) };
        tracing::error!(player = %run.path(), action = dog.action.as_str(), "{silence}");
        match dog.action {
            OnUnresponsive::Restart => return run.fell_silent(silence, true),
            OnUnresponsive::Fail => return run.fell_silent(silence, false),
            OnUnresponsive::NotReady => run.set_degraded(true),
            _ => {}
        }
        while is_silent(run, dog.timeout) {
            sleep(dog.timeout / 2).await;
        }
        tracing::info!(player = %run.path(), "gives signs of life again");
        if dog.action == OnUnresponsive::NotReady {
            run.set_degraded(false);
        }
    }
}

/// Completes when there was no sign of life for `timeout`, and says for how long.
async fn until_silent(playing: &Playing, timeout: Duration) -> Duration {
    loop {
        // A look, so that the time inside of a poll that blocks its thread is counted from here on.
        playing.probe().busy();
        let seen = playing.run.pulse().read();
        if is_silent(&playing.run, timeout) {
            return seen.since_last;
        }
        let left = timeout.saturating_sub(seen.since_last);
        // Who is blocked on somebody else has all of its time again when that is over.
        let left = if left.is_zero() { timeout } else { left };
        match Instant::now().checked_add(left) {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

fn is_silent(run: &Arc<Run>, timeout: Duration) -> bool {
    let pulse = run.pulse();
    // In this order: whoever is not blocked any more has given a sign of life before.
    let blocked = pulse.is_blocked();
    !blocked && pulse.read().since_last >= timeout
}
