use std::time::Duration;

use http::Method;
use tokio::time::{Instant, sleep};
use upbeat::{
    probe::{Answer, Probe},
    resolve::ask_all,
};

use super::{registry::Shared, request_id::RequestId};
use crate::text::Age;

/// How many requests are asked at the same time. The others are asked after them.
const AT_ONCE: usize = 64;

/// A request that has taken longer than the limit.
pub(super) struct Stalled {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) taken: Duration,
    /// `None` when nothing of its context is left but the last of its answer, on the way.
    pub(super) id: Option<RequestId>,
    /// `None` when its handler has answered.
    pub(super) probe: Option<Probe>,
}

/// Tells once of each request that exceeds the limit. Never ends.
///
/// Requests know nothing of this: whoever looks finds them.
pub(super) async fn watch(shared: &Shared, limit: Duration) -> ! {
    loop {
        // Four looks, so that none is told much later than at its limit; no clock of tokio's is finer than a millisecond.
        sleep((limit / 4).max(Duration::from_millis(1))).await;
        loop {
            let stalled = shared.stalled(Instant::now(), limit, AT_ONCE);
            if stalled.is_empty() {
                break;
            }
            tell(stalled).await;
        }
    }
}

async fn tell(stalled: Vec<Stalled>) {
    let probes: Vec<_> = stalled.iter().filter_map(|request| request.probe.clone()).collect();
    let mut answers = ask_all(&probes).await.into_iter();
    for Stalled { method, path, taken, id, probe } in stalled {
        let taken = Age(taken);
        let id = id.map(tracing::field::display);
        match probe.and_then(|_| answers.next()) {
            // It has answered in the meantime.
            None | Some(Answer::Finished) => {
                tracing::warn!(id, %method, %path, "{method} {path} has taken {taken}: sending its answer");
            }
            Some(answer) => tracing::warn!(id, %method, %path, "{method} {path} has taken {taken}: {answer}"),
        }
    }
}
