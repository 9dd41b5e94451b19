//! The end of runs and of parts: what is kept of them, and what is reported.

use std::sync::Arc;

use upbeat_score::{End, OnFailure, PartId, PartState, RunEnd};

use super::{
    convert::outcome,
    driver::Driver,
    state::{PartRecord, SupervisorState},
};
use crate::{
    error::chain,
    player::adapters::RestartRequested,
    report::{failure::Failure, player::PlayerReport},
    run::{
        Run,
        record::{RunFailure, RunRecord},
    },
    targets,
};

impl Driver<'_> {
    /// Logs the final end of a part, and answers the callers that wait for it.
    pub(super) fn over(&mut self, part: PartId, end: End) {
        let (path, outcome) = {
            let state = self.supervisor.state.lock();
            (state.path(part), outcome(end, |other| state.path(other)))
        };
        let record = &mut self.records[part.index()];
        let waiting = record.history.as_mut().map(|history| {
            // The request is a failure if no restart followed.
            if let Some(request) = history.restart_request.take().filter(|_| end == End::Failed) {
                history.failures.push(request);
            }
            std::mem::take(&mut history.waiting)
        });
        if outcome.is_clean() {
            tracing::debug!(target: targets::PART, player = %path, outcome = outcome.as_str(), "part ended");
        } else {
            let error = record.last_failure();
            tracing::error!(target: targets::PART, player = %path, outcome = outcome.as_str(), error, "part failed");
        }
        for reply in waiting.into_iter().flatten() {
            let _ = reply.send(Ok(self.report(part)));
        }
    }

    /// Returns the report of a part that has ended.
    pub(super) fn report(&mut self, part: PartId) -> PlayerReport {
        let record = &mut self.records[part.index()];
        let (mut report, leaked) = {
            let state = self.supervisor.state.lock();
            let PartState::Over(end) = state.machine.state(part) else {
                unreachable!("only a part that has ended is reported");
            };
            let outcome = outcome(end, |other| state.path(other));
            let mut report = PlayerReport::new(state.path(part), outcome, state.machine.runs(part));
            report.overran = state.machine.overran(part) || end == End::Overran;
            report.optional = state.machine.on_failure(part) == OnFailure::Ignore;
            let leaked = if end == End::Leaked { state.part(part).run.clone() } else { None };
            (report, leaked)
        };
        if let Some(run) = leaked {
            // Its run has not ended, so its record is taken here.
            record.settle(&run);
        }
        if let Some(history) = &record.history {
            report.failures = history.failures.as_slice().to_vec();
            report.omitted_failures = history.failures.omitted();
            report.notes.clone_from(&history.notes);
            report.lost.clone_from(&history.lost);
            report.omitted_lost = history.omitted_lost;
            report.stuck.clone_from(&history.stuck);
        }
        report
    }
}

impl SupervisorState {
    /// Returns the path of the root cause: the part that failed, not one that could not start for
    /// it. In a nested conductor it is the player that made it fail.
    pub(super) fn root_cause(&self, part: PartId, records: &[PartRecord]) -> Arc<str> {
        let mut part = part;
        while let PartState::Over(End::NeverStarted { because: Some(other) }) = self.machine.state(part) {
            part = other;
        }
        let nested = records[part.index()].history.as_ref().and_then(|history| history.root_cause.clone());
        nested.unwrap_or_else(|| self.path(part))
    }
}

impl PartRecord {
    /// Keeps the record of a run that has ended, and returns its end.
    pub(super) fn settle(&mut self, run: &Run) -> RunEnd {
        let record = run.take_record();
        let mut how = if run.returned_ok() { RunEnd::Ok } else { RunEnd::Aborted };
        let Some(mut record) = record else { return how };
        let failure = record.failure.take();
        // The player ended as it was asked to, and returned that as an error.
        let own = matches!(&failure, Some(RunFailure::Error(error)) if record.is_own_cancelation(&**error));
        let RunRecord { other_panics, notes, lost, omitted_lost, players, root_cause, stuck, missed_heartbeat, .. } =
            record;
        let history = self.history.get_or_insert_default();
        if let Some(missed) = missed_heartbeat {
            history.failures.push(Failure { attempt: run.attempt(), task: None, error: Arc::new(missed) });
        }
        match failure {
            Some(RunFailure::Error(_)) if own => how = RunEnd::Ok,
            Some(RunFailure::Error(error)) if error.is::<RestartRequested>() => {
                how = RunEnd::RestartRequested;
                history.restart_request = Some(Failure { attempt: run.attempt(), task: None, error: error.into() });
            }
            Some(RunFailure::Error(error)) => {
                how = RunEnd::Failed;
                history.failures.push(Failure { attempt: run.attempt(), task: None, error: error.into() });
            }
            Some(RunFailure::Panic(panic)) => {
                how = RunEnd::Failed;
                history.failures.push(Failure { attempt: run.attempt(), task: None, error: Arc::new(panic) });
            }
            None => {}
        }
        for (task, panic) in other_panics {
            how = RunEnd::Failed;
            history.failures.push(Failure { attempt: run.attempt(), task, error: Arc::new(panic) });
        }
        history.notes = notes;
        history.lost.extend(lost);
        history.omitted_lost += omitted_lost;
        history.players = players;
        history.root_cause = root_cause;
        history.stuck = stuck;
        how
    }

    /// Returns the last failure and its sources as text.
    pub(super) fn last_failure(&self) -> Option<String> {
        let failure = self.history.as_ref()?.failures.last()?;
        Some(chain(&*failure.error))
    }
}
