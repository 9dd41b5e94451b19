//! The lookup of the locations of active calls.

use tokio::time::Instant;
use upbeat_probe::Answer;

use super::{
    ActiveCall, CallState,
    calls::{CallWork, Calls, OpenCall},
};
use crate::tree::lookup::ask_all;

/// Returns the active calls, and probes those that are futures for their locations.
pub(super) async fn active_calls(calls: &Calls) -> Vec<ActiveCall> {
    let open = calls.open();
    let now = Instant::now();
    let probe = |(open, _): &(OpenCall, bool)| match &open.work {
        CallWork::Future(probe) => Some(probe.clone()),
        CallWork::Blocking(_) => None,
    };
    let probes: Vec<_> = open.iter().filter_map(probe).collect();
    let mut answers = ask_all(&probes).await.into_iter();
    let calls = open.into_iter().map(|(open, stuck)| {
        let state = match open.work {
            // There is one for each future.
            CallWork::Future(_) => CallState::Future(answers.next().unwrap_or(Answer::Silent)),
            CallWork::Blocking(Some(since)) => CallState::Blocking(now - since),
            CallWork::Blocking(None) => CallState::Queued,
        };
        ActiveCall { name: open.name, age: now - open.since, stuck, state }
    });
    calls.collect()
}
