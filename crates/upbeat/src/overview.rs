//! What everybody is doing now.

use std::{fmt, sync::Arc, time::Duration};

use upbeat_score::{End, State as Score};

use crate::{
    report::{StopCause, human},
    shared::{Shared, Stage},
    tree::Tree,
};

/// The states of all players of a tree of nested conductors, for diagnostics. A cheap clone.
///
/// From [`Context::overview`](crate::Context::overview) or [`Handle::overview`](crate::Handle::overview).
#[derive(Clone, Debug)]
pub struct Overview {
    tree: Arc<Tree>,
}

/// What a player is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It waits for those that it starts after.
    Waiting,
    /// It has been started and is not ready.
    Starting,
    /// It is ready.
    Ready,
    /// It was asked to stop, or has returned and its tasks are ending.
    Stopping,
    /// It was aborted and is not gone.
    Aborting,
    /// Its last run has ended; the next one begins later.
    Restarting,
    /// It is over.
    Ended(&'static str),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
            Self::Aborting => "aborting",
            Self::Restarting => "restarting",
            Self::Ended(how) => how,
        })
    }
}

/// What one player is doing.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PlayerSnapshot {
    /// Its full path.
    pub path: Arc<str>,
    /// What it is doing.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub state: State,
    /// For how long it has been doing that.
    #[cfg_attr(feature = "serde", serde(rename = "for_secs", serialize_with = "as_secs"))]
    pub since: Duration,
    /// How often it was started.
    pub runs: u32,
    /// What it waits for: the path of the first part that is not as far as it has to be.
    pub waits_for: Option<Arc<str>>,
    /// Whether its failure is no failure of the whole; then it does not count for readiness either.
    pub optional: bool,
    /// Whether it is as far as it has to be for the whole to be ready.
    pub ready: bool,
    /// Whether it has been ready at some time.
    pub started: bool,
    /// What its current run says of itself: [`Context::detail`](crate::Context::detail).
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_map"))]
    pub details: Vec<(&'static str, String)>,
}

#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(state)
}

#[cfg(feature = "serde")]
fn as_secs<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(feature = "serde")]
fn as_map<S: serde::Serializer>(details: &[(&'static str, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(details.iter().map(|(key, value)| (key, value)))
}

/// What everybody was doing at one moment.
///
/// Each conductor is seen at one moment; those nested in each other one after the other.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the outermost conductor.
    pub name: Arc<str>,
    /// Why everything stops, from the instant that this is decided.
    pub stopping: Option<StopCause>,
    /// Whether everything is ready, and nothing stops.
    pub ready: bool,
    /// Whether everything has been ready at some time.
    pub started: bool,
    /// The players, nested ones behind their conductor.
    pub players: Vec<PlayerSnapshot>,
}

impl Snapshot {
    /// Why it is not ready, in words; `None` when it is.
    pub fn not_ready(&self) -> Option<String> {
        if let Some(cause) = &self.stopping {
            return Some(format!("stopping: {cause}"));
        }
        let missing = self.players.iter().find(|player| !player.ready && !player.optional)?;
        Some(format!("not ready: {} is {}", missing.path, missing.state))
    }

    /// The player of this full path.
    pub fn player(&self, path: &str) -> Option<&PlayerSnapshot> {
        self.players.iter().find(|player| &*player.path == path)
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.not_ready().unwrap_or_else(|| "ready".into()))?;
        let width = self.players.iter().map(|player| player.path.chars().count()).max().unwrap_or(0).min(40);
        for player in &self.players {
            write!(f, "\n  {:width$}  {} for {}", player.path, player.state, human(player.since))?;
            if let Some(path) = &player.waits_for {
                write!(f, ", waits for {path}")?;
            }
            if player.runs > 1 {
                write!(f, ", run {}", player.runs)?;
            }
            for (key, value) in &player.details {
                write!(f, ", {key} {value}")?;
            }
        }
        Ok(())
    }
}

impl Overview {
    pub(crate) fn new(tree: Arc<Tree>) -> Self {
        Self { tree }
    }

    /// What everybody is doing now. Takes each conductor's lock for a moment; never waits for a player.
    ///
    /// Without any player before the start and after the end.
    pub fn snapshot(&self) -> Snapshot {
        let mut players = Vec::new();
        let mut stopping = None;
        if let Some(root) = self.tree.root() {
            self.collect(&root, &mut players);
            stopping = root.cause.get().cloned();
        }
        let counted = || players.iter().filter(|player| !player.optional);
        Snapshot {
            name: self.tree.root_path().clone(),
            ready: stopping.is_none() && !players.is_empty() && counted().all(|player| player.ready),
            started: !players.is_empty() && counted().all(|player| player.started),
            stopping,
            players,
        }
    }

    /// Whether everything is ready, and nothing stops: [`Snapshot::ready`] at a fraction of its cost.
    pub fn is_ready(&self) -> bool {
        self.tree.root().is_some_and(|root| root.cause.get().is_none() && root.stage.lock().machine.all_ready())
    }

    /// Waits until everything is ready. Never completes if that does not happen.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn ready(&self) {
        let mut changes = self.tree.changes();
        while !self.is_ready() {
            // The sender lives in the tree, which this holds.
            let _ = changes.changed().await;
        }
    }

    /// Waits until `condition` holds, and returns the snapshot for which it did.
    ///
    /// Takes a snapshot of all players at each change: not for thousands of players, nor for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&self, mut condition: impl FnMut(&Snapshot) -> bool) -> Snapshot {
        let mut changes = self.tree.changes();
        loop {
            changes.borrow_and_update();
            let snapshot = self.snapshot();
            if condition(&snapshot) {
                return snapshot;
            }
            // The sender lives in the tree, which this holds.
            let _ = changes.changed().await;
        }
    }

    fn collect(&self, shared: &Arc<Shared>, players: &mut Vec<PlayerSnapshot>) {
        let own = {
            let stage = shared.stage.lock();
            let now = shared.now();
            stage.snapshots(now)
        };
        for player in own {
            let path = player.path.clone();
            players.push(player);
            // A conductor is found under the path that it plays as, so a player that is none is not found.
            if let Some(nested) = self.tree.find(&path)
                && !Arc::ptr_eq(&nested, shared)
            {
                self.collect(&nested, players);
            }
        }
    }
}

impl Stage {
    fn snapshots(&self, now: Duration) -> Vec<PlayerSnapshot> {
        let machine = &self.machine;
        let path = |part: upbeat_score::PartId| self.records[part.index()].path.clone();
        let one = |part: upbeat_score::PartId| {
            let record = &self.records[part.index()];
            let score = machine.state(part);
            let (state, ready) = match score {
                Score::Waiting => (State::Waiting, false),
                Score::Starting => (State::Starting, false),
                Score::Ready => (State::Ready, true),
                Score::Stopping => (State::Stopping, false),
                Score::Aborting => (State::Aborting, false),
                Score::Backoff => (State::Restarting, false),
                Score::Over(end) => {
                    (State::Ended(crate::ledger::outcome(end, |_| None).as_str()), end == End::Completed)
                }
            };
            PlayerSnapshot {
                path: record.path.clone(),
                state,
                since: now.saturating_sub(machine.since(part)),
                runs: machine.runs(part),
                waits_for: machine.waits_for(part).map(path),
                optional: record.optional,
                ready,
                started: ready || machine.was_ready(part),
                details: record.run.as_ref().map_or_else(Vec::new, |(run, _)| run.details()),
            }
        };
        machine.parts().map(one).collect()
    }
}
