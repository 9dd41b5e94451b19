//! What the control loop of one conductor shares with its players and its handles.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};
use upbeat_score::{Machine, PartId, Watchdog};

use super::{handle_error::HandleError, request::Request};
use crate::{
    player::erased::DynPlayer,
    report::{failure_log::FailureLog, player::PlayerReport},
    run::{Link, Playing, event::Notice},
    snapshot::player::PlayerSnapshot,
    stop_cause::StopCause,
};

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
    pub(crate) failures: FailureLog,
    pub(crate) notes: Vec<String>,
    pub(crate) lost: Vec<String>,
    pub(crate) omitted_lost: u64,
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
