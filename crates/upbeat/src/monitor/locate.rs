//! The lookup of the locations of active calls.

use tokio::time::Instant;

use super::{
    ActiveCall,
    calls::{CallWork, Calls, OpenCall},
};
use crate::{
    snapshot::location::Location,
    tree::lookup::{PROBE_TIMEOUT, locate},
};

/// Returns the active calls, and probes those that are futures for their locations.
pub(super) async fn active_calls(calls: &Calls) -> Vec<ActiveCall> {
    let open = calls.open();
    let now = Instant::now();
    let probe = |(open, _): &(OpenCall, bool)| match &open.work {
        CallWork::Future(probe) => Some(probe.clone()),
        CallWork::Blocking(_) => None,
    };
    let probes: Vec<_> = open.iter().filter_map(probe).collect();
    let mut locations = locate(&probes, PROBE_TIMEOUT).await.into_iter();
    let calls = open.into_iter().map(|(open, stuck)| {
        let location = match open.work {
            CallWork::Future(_) => locations.next()?,
            CallWork::Blocking(Some(since)) => Location::blocking(now - since),
            CallWork::Blocking(None) => Location::queued(),
        };
        Some(ActiveCall { name: open.name, age: now - open.since, stuck, location })
    });
    // There is a location for each future.
    calls.flatten().collect()
}
