//! The state of one conductor that plays.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::Instant,
};
use upbeat_score::{Machine, PartId};

use super::request::{HandleError, Message, Request};
use crate::{
    player::erased::DynPlayer,
    report::{failure::Failure, failure_log::FailureLog, player::PlayerReport},
    run::{Link, Run, current::CurrentRun},
    snapshot::player::PlayerSnapshot,
    stop_cause::StopCause,
    tree::Tree,
};

/// One conductor that plays, shared by its control loop and its handles.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) path: Arc<str>,
    pub(crate) link: Arc<Link>,
    pub(crate) epoch: Instant,
    /// The cause of the stop, from the instant of the request on.
    pub(crate) cause: OnceLock<StopCause>,
    pub(crate) state: Mutex<SupervisorState>,
    messages: mpsc::UnboundedSender<Message>,
}

impl Supervisor {
    /// Returns a conductor without parts, and the receiver for its control loop. `fill` makes the
    /// parts.
    pub(crate) fn new(
        path: Arc<str>,
        tree: Arc<Tree>,
        state: SupervisorState,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Message>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        let link = Link::new(tree, messages.clone());
        let (epoch, cause, state) = (Instant::now(), OnceLock::new(), Mutex::new(state));
        (Arc::new(Self { path, link, epoch, cause, state, messages }), receiver)
    }

    /// Returns the time since the start.
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Sends a request to the control loop.
    pub(crate) fn request(&self, request: Request) {
        if let Request::StopAll(cause) | Request::AbortAll(cause) = &request {
            // From now on nothing is ready, even before the control loop takes the request.
            let _ = self.cause.set(cause.clone());
            self.link.tree.stopping();
        }
        let _ = self.messages.send(Message::Request(Box::new(request)));
    }

    /// Returns whether the caller belongs to the run of a part: of the part of this name, or of any
    /// part.
    pub(crate) fn plays(&self, name: Option<&str>, caller: CurrentRun) -> bool {
        let state = self.state.lock();
        let is_caller = |part: &PartEntry| part.run.as_ref().is_some_and(|run| caller.is(run));
        match name {
            Some(name) => state.machine.find(name).is_some_and(|part| is_caller(state.part(part))),
            None => state.parts.iter().any(is_caller),
        }
    }

    /// Returns when the control loop has ended.
    pub(crate) async fn closed(&self) {
        self.messages.closed().await;
    }
}

/// The parts of one conductor, as their observers see them.
///
/// Locked only briefly. Under the lock no foreign code runs and nothing foreign is dropped: no log
/// event, no waker, no code or value of a player. So all that can call or drop such code is with
/// the control loop alone, in its [`PartRecord`]s, and the loop performs
/// the actions of the machine without the lock.
#[derive(Debug)]
pub(crate) struct SupervisorState {
    pub(crate) machine: Machine,
    /// By the index of the part.
    pub(crate) parts: Vec<PartEntry>,
}

/// One part and its current run.
#[derive(Debug)]
pub(crate) struct PartEntry {
    pub(crate) path: Arc<str>,
    pub(crate) run: Option<Arc<Run>>,
}

impl SupervisorState {
    pub(super) fn part(&self, part: PartId) -> &PartEntry {
        &self.parts[part.index()]
    }

    pub(super) fn part_mut(&mut self, part: PartId) -> &mut PartEntry {
        &mut self.parts[part.index()]
    }

    pub(super) fn path(&self, part: PartId) -> Arc<str> {
        self.part(part).path.clone()
    }
}

impl PartEntry {
    pub(crate) fn new(path: Arc<str>) -> Self {
        Self { path, run: None }
    }
}

/// One part, as only the control loop sees it: its player, the task of its run, and its earlier
/// runs.
pub(crate) struct PartRecord {
    pub(super) player: Arc<dyn DynPlayer>,
    /// The task of the run that the shared entry of the part has.
    pub(super) task: Option<AbortHandle>,
    /// Empty for most parts, so it takes only a pointer until it is needed.
    pub(super) history: Option<Box<PartHistory>>,
}

/// The earlier runs of a part, and the callers that wait for its end.
#[derive(Debug, Default)]
pub(super) struct PartHistory {
    pub(super) failures: FailureLog,
    pub(super) notes: Vec<String>,
    pub(super) lost: Vec<String>,
    pub(super) omitted_lost: u64,
    pub(super) players: Vec<PlayerReport>,
    /// The player that made the last run of a nested conductor fail.
    pub(super) root_cause: Option<Arc<str>>,
    /// The error by which the last run requested a restart.
    pub(super) restart_request: Option<Failure>,
    pub(super) stuck: Option<Box<PlayerSnapshot>>,
    pub(super) waiting: Vec<oneshot::Sender<Result<PlayerReport, HandleError>>>,
}

impl PartRecord {
    pub(crate) fn new(player: Arc<dyn DynPlayer>) -> Self {
        Self { player, task: None, history: None }
    }

    pub(super) fn history(&mut self) -> &mut PartHistory {
        self.history.get_or_insert_default()
    }
}
