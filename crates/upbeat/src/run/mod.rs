//! One run of a player.

pub(crate) mod activity;
pub(crate) mod event;
pub(crate) mod record;
pub(crate) mod root;
pub(crate) mod spawn;
pub(crate) mod stop;
pub(crate) mod wait;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use tokio::{sync::mpsc, task::AbortHandle};
use upbeat_probe::{Probe, Watchpoint};
use upbeat_score::{PartId, Readiness};

use self::{
    event::Notice,
    record::{Fault, Sayings},
    stop::{RunOver, StopSignal},
};
use crate::tree::Tree;

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

    /// Returns when the control loop has ended.
    pub(crate) async fn closed(&self) {
        self.notices.closed().await;
    }
}

/// One run of a player.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) link: Arc<Link>,
    path: Arc<str>,
    pub(crate) part: PartId,
    pub(crate) id: u64,
    attempt: u32,
    /// How many tasks of this run are left: the player's own, and what it spawned.
    pub(crate) live: AtomicU32,
    readiness: Readiness,
    said_ready: AtomicBool,
    returned_ok: AtomicBool,
    /// What is spawned from now on is aborted at once.
    aborted: AtomicBool,
    pub(crate) stop: StopSignal,
    /// From where the player's own future is watched.
    pub(crate) watchpoint: Watchpoint,
    /// Empty for most players most of the time, so it takes only a pointer until it is needed.
    pub(crate) sayings: OnceLock<Box<Sayings>>,
}

impl AsRef<Watchpoint> for Run {
    fn as_ref(&self) -> &Watchpoint {
        &self.watchpoint
    }
}

/// A run that was started, and what the conductor reaches it by. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Playing {
    pub(crate) run: Arc<Run>,
    pub(crate) task: AbortHandle,
}

impl Playing {
    /// Asks the player's own task.
    pub(crate) fn probe(&self) -> Probe {
        Probe::of(self.run.clone())
    }

    /// Aborts the player and the tasks that it has spawned.
    pub(crate) fn abort(&self) {
        self.task.abort();
        self.run.abort_spawned();
    }
}

impl Run {
    pub(crate) fn new(
        link: Arc<Link>,
        path: Arc<str>,
        part: PartId,
        id: u64,
        attempt: u32,
        readiness: Readiness,
    ) -> Arc<Self> {
        Arc::new(Self {
            link,
            path,
            part,
            id,
            attempt,
            live: AtomicU32::new(0),
            readiness,
            said_ready: AtomicBool::new(false),
            returned_ok: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            stop: StopSignal::default(),
            watchpoint: Watchpoint::new(),
            sayings: OnceLock::new(),
        })
    }

    /// A run that nobody conducts: it is never asked to stop, and never gone.
    pub(crate) fn background() -> Arc<Self> {
        let path: Arc<str> = "background".into();
        // Nobody listens to its notices.
        let (link, _) = Link::new(Tree::new(path.clone()));
        let run = Self::new(link, path, PartId::default(), 0, 0, Readiness::Signalled);
        run.live.store(1, Ordering::Relaxed);
        run
    }

    /// Whether the last lease was dropped.
    pub(crate) fn is_gone(&self) -> bool {
        self.live.load(Ordering::Acquire) == 0
    }

    pub(crate) fn path(&self) -> &Arc<str> {
        &self.path
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.link.tree
    }

    /// Aborts the tasks that the player has spawned, and those that it still will.
    pub(crate) fn abort_spawned(&self) {
        self.aborted.store(true, Ordering::Relaxed);
        let Some(sayings) = self.sayings.get() else { return };
        let tasks = std::mem::take(&mut sayings.account.lock().spawned);
        for spawned in tasks {
            spawned.task.abort();
        }
    }

    pub(crate) fn say_ready(&self) {
        if self.said_ready.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.readiness == Readiness::Signalled {
            self.link.notify(Notice::Ready { part: self.part, run: self.id });
        } else {
            tracing::warn!(
                player = %self.path,
                "`ready()` has no effect: this part was ready at its start; declare it with `signals_ready()`"
            );
        }
    }

    /// `play` has returned, or panicked.
    pub(crate) fn returned(&self, result: Result<(), Fault>) {
        match result {
            // Relaxed, because the conductor reads it only after the last lease has told it of the end.
            Ok(()) => self.returned_ok.store(true, Ordering::Relaxed),
            Err(fault) => self.with_account(|account| account.fault = Some(fault)),
        }
        self.is_over(RunOver::Returned);
        if self.live.load(Ordering::Relaxed) > 1 {
            self.link.notify(Notice::Leaving { part: self.part, run: self.id });
        }
    }

    /// The first poll has returned pending.
    pub(crate) fn has_begun(&self) {
        if self.readiness == Readiness::AtStart {
            self.link.notify(Notice::Ready { part: self.part, run: self.id });
        }
    }

    /// Whether `play` returned `Ok`. For when the run is gone.
    pub(crate) fn returned_ok(&self) -> bool {
        self.returned_ok.load(Ordering::Relaxed)
    }
}
