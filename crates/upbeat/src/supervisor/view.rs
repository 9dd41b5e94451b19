//! The states of a conductor's parts, for the tree.

use std::{sync::Arc, time::Duration};

use upbeat_score::{End, OnFailure, PartId, PartState};

use super::{
    convert::player_state,
    state::{Supervisor, SupervisorState},
};
use crate::{
    run::Run,
    snapshot::{player::PlayerSnapshot, work::WorkList},
    stop_cause::StopCause,
    tree::node::Node,
};

impl Node for Supervisor {
    fn path(&self) -> &Arc<str> {
        &self.path
    }

    fn stop_cause(&self) -> Option<StopCause> {
        self.cause.get().cloned()
    }

    fn all_ready(&self) -> bool {
        self.state.lock().machine.all_ready()
    }

    fn players(&self, with_work: bool) -> Vec<PlayerSnapshot> {
        let players: Vec<_> = {
            let state = self.state.lock();
            let now = self.now();
            state.machine.parts().map(|part| (state.snapshot(part, now), state.run(part))).collect()
        };
        // Foreign code lists the open work, so it runs without the lock.
        let listed = |(player, run)| if with_work { with_open_work(player, run) } else { player };
        players.into_iter().map(listed).collect()
    }

    fn player(&self, name: &str) -> Option<PlayerSnapshot> {
        let (player, run) = {
            let state = self.state.lock();
            let part = state.machine.find(name)?;
            (state.snapshot(part, self.now()), state.run(part))
        };
        Some(with_open_work(player, run))
    }

    fn check_busy(&self, max: usize) {
        let runs: Vec<_> = self.state.lock().parts.iter().filter_map(|part| part.run.clone()).take(max).collect();
        for run in &runs {
            run.probe().busy();
        }
    }
}

fn with_open_work(mut player: PlayerSnapshot, run: Option<Arc<Run>>) -> PlayerSnapshot {
    player.open = run.map(|run| run.open_work()).unwrap_or_default();
    player
}

impl SupervisorState {
    fn run(&self, part: PartId) -> Option<Arc<Run>> {
        self.part(part).run.clone()
    }

    /// Returns the state of a part, without its open work.
    pub(super) fn snapshot(&self, part: PartId, now: Duration) -> PlayerSnapshot {
        let machine = &self.machine;
        let entry = self.part(part);
        let state = machine.state(part);
        let ready = match state {
            PartState::Ready => !machine.is_degraded(part),
            PartState::Over(end) => end == End::Completed,
            _ => false,
        };
        let mut snapshot = PlayerSnapshot {
            path: entry.path.clone(),
            state: player_state(state, machine.is_degraded(part), |other| self.path(other)),
            since: now.saturating_sub(machine.since(part)),
            remaining: None,
            runs: machine.runs(part),
            waits_for: machine.waits_for(part).map(|other| self.path(other)),
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
        if let Some(run) = &entry.run {
            snapshot.probe = Some(run.probe());
            run.fill(&mut snapshot);
        }
        snapshot
    }
}
