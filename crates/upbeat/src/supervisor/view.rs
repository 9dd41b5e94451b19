//! What the parts of a conductor are doing, and how they ended.

use std::{sync::Arc, time::Duration};

use upbeat_score::{End, OnFailure, PartId, PartState as Score};

use super::state::Stage;
use crate::{
    report::player::Outcome,
    run::Run,
    snapshot::{
        player::{PlayerSnapshot, State},
        work::WorkList,
    },
};

/// The machine's word for an end, with the paths of the parts it mentions.
pub(crate) fn outcome(end: End, path: impl Fn(PartId) -> Option<Arc<str>>) -> Outcome {
    match end {
        End::Completed => Outcome::Completed,
        End::Stopped => Outcome::Stopped,
        End::FinishedEarly => Outcome::FinishedEarly,
        End::Failed => Outcome::Failed,
        End::NotReady => Outcome::NotReady,
        End::Unresponsive => Outcome::Unresponsive,
        End::Overran => Outcome::Overran,
        End::Aborted => Outcome::Aborted,
        End::Leaked => Outcome::Leaked,
        End::NeverStarted { because } => Outcome::NeverStarted { because: because.and_then(path) },
    }
}

impl Stage {
    pub(crate) fn run(&self, part: PartId) -> Option<Arc<Run>> {
        Some(self.records[part.index()].playing.as_ref()?.run.clone())
    }

    /// What one part is doing, without its open work: that is listed by foreign code, which must not run under this lock.
    pub(crate) fn snapshot(&self, part: PartId, now: Duration) -> PlayerSnapshot {
        let machine = &self.machine;
        let record = &self.records[part.index()];
        let (state, ready) = match machine.state(part) {
            Score::Waiting => (State::Waiting, false),
            Score::Starting => (State::Starting, false),
            Score::Ready if machine.is_degraded(part) => (State::Silent, false),
            Score::Ready => (State::Ready, true),
            Score::Stopping => (State::Stopping, false),
            Score::Aborting => (State::Aborting, false),
            Score::Backoff => (State::Restarting, false),
            Score::Over(end) => (State::Ended(outcome(end, |_| None).as_str()), end == End::Completed),
        };
        let mut snapshot = PlayerSnapshot {
            path: record.path.clone(),
            state,
            since: now.saturating_sub(machine.since(part)),
            remaining: None,
            runs: machine.runs(part),
            waits_for: machine.waits_for(part).map(|other| self.records[other.index()].path.clone()),
            optional: machine.on_failure(part) == OnFailure::Ignore,
            ready,
            started: ready || machine.was_ready(part),
            details: Vec::new(),
            at: None,
            blocked_on: Vec::new(),
            last_heartbeat: None,
            progress: 0,
            location: None,
            tasks: WorkList::default(),
            open: WorkList::default(),
            probe: None,
        };
        if let Some(playing) = &record.playing {
            snapshot.probe = Some(playing.probe());
            playing.run.look(&mut snapshot);
        }
        snapshot
    }
}
