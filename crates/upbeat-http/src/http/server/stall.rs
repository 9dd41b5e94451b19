use std::time::Duration;

use tokio::time::{Instant, sleep};
use upbeat::{
    diagnostics::{Answer, PROBE_TIMEOUT, locate},
    report::HumanDuration,
};

use crate::{
    http::{connection::Registry, request::StalledRequest},
    targets,
};

/// The number of requests that are probed at the same time.
const BATCH: usize = 64;

/// Logs each request that exceeds the limit, once. Never ends.
///
/// Requests carry no cost for this: each check reads the open ones.
pub(super) async fn watch(registry: &Registry, limit: Duration) -> ! {
    loop {
        // Four checks within the limit bound the delay. Tokio's clock has a resolution of 1 ms.
        sleep((limit / 4).max(Duration::from_millis(1))).await;
        loop {
            let stalled = registry.take_stalled(Instant::now(), limit, BATCH);
            if stalled.is_empty() {
                break;
            }
            log(stalled).await;
        }
    }
}

async fn log(stalled: Vec<StalledRequest>) {
    let probes: Vec<_> = stalled.iter().filter_map(|request| request.probe.clone()).collect();
    let mut locations = locate(&probes, PROBE_TIMEOUT).await.into_iter();
    for StalledRequest { method, path, taken, id, probe } in stalled {
        let taken = HumanDuration(taken);
        let id = id.map(tracing::field::display);
        // The handler may have returned in the meantime.
        let location = probe.and_then(|_| locations.next());
        if let Some(location) = location.filter(|location| !matches!(location.answer(), Some(Answer::Finished))) {
            tracing::warn!(target: targets::STALL, id, %method, %path, "{method} {path} has taken {taken}: {location}");
        } else {
            tracing::warn!(target: targets::STALL, id, %method, %path, "{method} {path} has taken {taken}: sending its response");
        }
    }
}
