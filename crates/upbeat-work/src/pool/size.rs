//! Starting workers: the first ones, and those that an elastic pool gets later.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use upbeat::Context;

use super::{
    hand::{Hand, Tally},
    queue::Phase,
    shared::Shared,
    worker::Crew,
};

/// The pool plays already, and has one set of workers only.
#[derive(Clone, Debug, thiserror::Error)]
#[error("pool `{pool}` plays already")]
pub struct AlreadyStarted {
    pool: Arc<str>,
}

/// Starts the first workers, and whoever is to start the others.
pub(super) fn start<J, R>(shared: &Arc<Shared<J, R>>, crew: &Crew<J, R>, cx: &Context) -> Result<(), AlreadyStarted>
where
    J: Send + 'static,
    R: Send + 'static,
{
    let hands = {
        let mut queue = shared.queue.lock();
        match queue.phase {
            Phase::Waiting => {}
            // What the last run has left behind is over: this one begins clean.
            Phase::Over if queue.cuts == 0 => {
                (queue.accepted, queue.cancelled, queue.tally) = (0, 0, Tally::default());
                queue.lost.clear();
                queue.failure = None;
                queue.next_worker = 0;
            }
            Phase::Playing | Phase::Ending | Phase::Over => return Err(AlreadyStarted { pool: shared.name.clone() }),
        }
        queue.phase = Phase::Playing;
        queue.built = 0;
        let hands: Vec<_> = (0..*shared.settings.workers.start()).map(|_| queue.add_worker()).collect();
        hands
    };
    for hand in hands {
        hire(shared, crew, cx, &hand);
    }
    if shared.settings.is_elastic() {
        cx.spawn("size", adjust(shared.clone(), crew.clone(), cx.clone()));
    }
    Ok(())
}

fn hire<J, R>(shared: &Arc<Shared<J, R>>, crew: &Crew<J, R>, cx: &Context, hand: &Arc<Hand<J, R>>) {
    let abort = crew(cx, shared.clone(), hand.clone());
    let mut state = hand.state.lock();
    if state.cut {
        // A deadline has passed before there was a task to abort.
        drop(state);
        abort.abort();
    } else {
        state.abort = Some(abort);
    }
}

/// Adds workers while jobs wait.
async fn adjust<J, R>(shared: Arc<Shared<J, R>>, crew: Crew<J, R>, cx: Context) {
    let over = shared.until(|queue| queue.workers.is_empty().then_some(()));
    let growing = async {
        loop {
            shared.pressed.notified().await;
            loop {
                let Some(since) = shared.queue.lock().waiting_since else { break };
                sleep_until(since + shared.settings.grow_after).await;
                if !grow(&shared, &crew, &cx, since) {
                    break;
                }
            }
        }
    };
    tokio::select! {
        () = over => {}
        () = growing => {}
    }
}

/// Adds a worker if the jobs that waited at `since` still do. Whether to look again.
fn grow<J, R>(shared: &Arc<Shared<J, R>>, crew: &Crew<J, R>, cx: &Context, since: Instant) -> bool {
    let hand = {
        let mut queue = shared.queue.lock();
        if queue.waiting_since != Some(since) {
            return queue.waiting_since.is_some();
        }
        let workers = queue.workers.len();
        if workers == 0 || workers >= *shared.settings.workers.end() {
            // At its largest. Should one leave, jobs have ceased to wait before that, and will press anew.
            return false;
        }
        queue.waiting_since = Some(Instant::now());
        queue.add_worker()
    };
    hire(shared, crew, cx, &hand);
    true
}
