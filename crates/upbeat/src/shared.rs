//! What the control loop of one conductor shares with its players and its handles.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use upbeat_score::{Machine, PartId, Watchdog};

use crate::{
    Part, PlayerSnapshot,
    error::HandleError,
    player::DynPlayer,
    report::{Failure, PlayerReport, StopCause},
    run::Playing,
    tree::Tree,
};

/// What the control loop hears of.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A run is ready.
    Ready { part: PartId, run: u64 },
    /// A player has returned, but what it spawned is not gone.
    Leaving { part: PartId, run: u64 },
    /// A run has given no sign of life for too long.
    Unresponsive { part: PartId, run: u64, restart: bool },
    /// A run does not count as ready, or counts again.
    Degraded { part: PartId, run: u64, degraded: bool },
    /// Nothing is left of a run.
    Ended { part: PartId, run: u64 },
    /// Somebody wants something.
    Request(Box<Request>),
}

/// What somebody may want of a conductor.
#[derive(Debug)]
pub(crate) enum Request {
    StopAll(StopCause),
    AbortAll(StopCause),
    Stop { name: String, reply: oneshot::Sender<Result<PlayerReport, HandleError>> },
    Restart { name: String, reply: oneshot::Sender<Result<(), HandleError>> },
    Remove { name: String, reply: oneshot::Sender<Result<PlayerReport, HandleError>> },
    Add { part: Part, reply: oneshot::Sender<Result<(), HandleError>> },
}

/// The way from the players to the control loop.
#[derive(Debug)]
pub(crate) struct Link {
    notices: mpsc::UnboundedSender<Notice>,
    pub(crate) tree: Arc<Tree>,
}

impl Link {
    pub(crate) fn new(tree: Arc<Tree>) -> (Arc<Self>, mpsc::UnboundedReceiver<Notice>) {
        let (notices, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { notices, tree }), receiver)
    }

    /// Tells the control loop. It may be gone: a leaked run can outlive it, and then nobody is interested any more.
    pub(crate) fn notify(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}

/// One conductor that plays.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: Arc<str>,
    pub(crate) link: Arc<Link>,
    pub(crate) epoch: Instant,
    /// Why everything stops, from the instant that is asked for.
    pub(crate) cause: OnceLock<StopCause>,
    pub(crate) stage: Mutex<Stage>,
}

impl Shared {
    pub(crate) fn new(path: Arc<str>, link: Arc<Link>, stage: Stage, epoch: Instant) -> Arc<Self> {
        Arc::new(Self { path, link, epoch, cause: OnceLock::new(), stage: Mutex::new(stage) })
    }

    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) fn request(&self, request: Request) {
        if let Request::StopAll(cause) | Request::AbortAll(cause) = &request {
            // From now on nobody is told that all is ready, even before the control loop gets round to it.
            let _ = self.cause.set(cause.clone());
            self.link.tree.stopping();
        }
        self.link.notify(Notice::Request(Box::new(request)));
    }
}

/// The state of one conductor. Locked only briefly, never while user code runs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    /// By the index of the part.
    pub(crate) records: Vec<Record>,
    /// Of the few that have one.
    pub(crate) watchdogs: HashMap<PartId, Watchdog>,
}

/// One part and its current run.
pub(crate) struct Record {
    pub(crate) path: Arc<str>,
    pub(crate) player: Arc<dyn DynPlayer>,
    pub(crate) playing: Option<Playing>,
    /// Empty for most, so it takes only a pointer until it is needed.
    pub(crate) history: Option<Box<History>>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("path", &self.path).field("playing", &self.playing).finish_non_exhaustive()
    }
}

/// What is known of the earlier runs of a part, and who waits for its end.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) failures: Vec<Failure>,
    pub(crate) omitted_failures: u64,
    pub(crate) notes: Vec<String>,
    pub(crate) cuts: Vec<String>,
    pub(crate) omitted_cuts: u64,
    pub(crate) players: Vec<PlayerReport>,
    pub(crate) stuck: Option<Box<PlayerSnapshot>>,
    pub(crate) waiting: Vec<oneshot::Sender<Result<PlayerReport, HandleError>>>,
}

impl Stage {
    pub(crate) fn record(&mut self, part: PartId) -> &mut Record {
        &mut self.records[part.index()]
    }
}

impl Record {
    pub(crate) fn history(&mut self) -> &mut History {
        self.history.get_or_insert_default()
    }
}
