//! What is kept of each part's runs, and how it is told in the end.

use std::sync::Arc;

use upbeat_score::{End, OnFailure, PartId, PartState, RunEnd};

use super::{
    state::{Record, Stage},
    view::outcome,
};
use crate::{
    error::chain,
    player::{adapters::RestartRequested, erased::DynPlayer},
    report::{failure::Failure, player::PlayerReport},
    run::{
        Run,
        record::{Account, Fault},
    },
};

impl Stage {
    /// A part has ended for good: says so, and tells those who wait for it.
    pub(crate) fn over(&mut self, part: PartId, end: End) {
        let waiting = match &mut self.record(part).history {
            Some(history) => std::mem::take(&mut history.waiting),
            None => Vec::new(),
        };
        let path = self.records[part.index()].path.clone();
        match end {
            End::Completed | End::Stopped | End::NeverStarted { because: None } => {
                tracing::debug!(player = %path, "{}", outcome(end, |_| None).as_str());
            }
            _ => {
                let word = outcome(end, |_| None).as_str();
                let why = self.records[part.index()].last_failure().map_or_else(String::new, |why| format!(": {why}"));
                tracing::error!(player = %path, "{word}{why}");
            }
        }
        for reply in waiting {
            let _ = reply.send(Ok(self.report(part)));
        }
    }

    /// Says how a part ended.
    pub(crate) fn report(&mut self, part: PartId) -> PlayerReport {
        let PartState::Over(end) = self.machine.state(part) else {
            unreachable!("only what is over is reported");
        };
        let outcome = outcome(end, |other| Some(self.records[other.index()].path.clone()));
        let optional = self.machine.on_failure(part) == OnFailure::Ignore;
        let (runs, overran) = (self.machine.runs(part), self.machine.overran(part) || end == End::Overran);
        let record = self.record(part);
        if let (End::Leaked, Some(playing)) = (end, &record.playing) {
            // It has not come to its end, so what it has said so far is fetched here.
            let run = playing.run.clone();
            record.settle(&run);
        }
        let mut report = PlayerReport::new(record.path.clone(), outcome, runs);
        report.overran = overran;
        report.optional = optional;
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

    /// The path of the part that is really to blame: the one that failed, not the one that could not start because of it.
    pub(crate) fn root_cause(&self, part: PartId) -> Arc<str> {
        let mut part = part;
        while let PartState::Over(End::NeverStarted { because: Some(other) }) = self.machine.state(part) {
            part = other;
        }
        self.records[part.index()].path.clone()
    }
}

impl Record {
    pub(crate) fn new(path: Arc<str>, player: Arc<dyn DynPlayer>) -> Self {
        Self { path, player, playing: None, history: None }
    }

    /// Keeps what a run leaves behind, and says how it ended.
    pub(crate) fn settle(&mut self, run: &Run) -> RunEnd {
        let account = run.take_account();
        let mut how = if run.returned_ok() { RunEnd::Ok } else { RunEnd::Aborted };
        let Some(account) = account else { return how };
        let Account { fault, other_panics, notes, lost, omitted_lost, players, stuck, silence, .. } = account;
        let history = self.history.get_or_insert_default();
        if let Some(silence) = silence {
            history.failures.push(Failure { attempt: run.attempt(), task: None, error: Arc::new(silence) });
        }
        match fault {
            Some(Fault::Error(error)) if error.is::<RestartRequested>() => how = RunEnd::RestartRequested,
            Some(Fault::Error(error)) => {
                how = RunEnd::Failed;
                history.failures.push(Failure { attempt: run.attempt(), task: None, error: error.into() });
            }
            Some(Fault::Panic(panic)) => {
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
        history.stuck = stuck;
        how
    }

    pub(crate) fn last_failure(&self) -> Option<String> {
        let failure = self.history.as_ref()?.failures.last()?;
        Some(chain(&*failure.error))
    }
}
