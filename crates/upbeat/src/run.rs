//! One run of a player.

use std::{
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::{
    task::{AbortHandle, JoinHandle},
    time::Instant,
};
use tracing::Instrument as _;
use upbeat_probe::{Probe, Watchpoint};
use upbeat_score::{PartId, Readiness};

use crate::{
    account::{Fault, Sayings, Spawned},
    player::Player,
    root::RunOver,
    run_task::{Lease, assist, perform},
    shared::{Link, Notice},
    stop::StopSignal,
    tree::Tree,
};

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

    /// Starts the player on a task of its own.
    pub(crate) fn start<P: Player>(self: &Arc<Self>, player: Arc<P>) -> Playing {
        let span = tracing::info_span!(parent: None, "player", player = %self.path);
        let task = perform(player, Lease::new(self, ()));
        // A span that nobody listens to would only cost memory.
        let task = if span.is_disabled() { tokio::spawn(task) } else { tokio::spawn(task.instrument(span)) };
        Playing { run: self.clone(), task: task.abort_handle() }
    }

    pub(crate) fn spawn<T: Send + 'static>(
        this: &Arc<Self>,
        name: Arc<str>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (work, probe) = upbeat_probe::watch(assist(work, Lease::new(this, name.clone())));
        let task = tokio::spawn(work.in_current_span());
        let aborted = this.with_account(|account| {
            // Only when it is full, and then with as much room again: so a spawn does not look at all the others each time.
            if account.spawned.len() == account.spawned.capacity() {
                account.spawned.retain(|spawned| !spawned.task.is_finished());
                account.spawned.reserve(account.spawned.len() + 4);
            }
            account.spawned.push(Spawned { name, since: Instant::now(), task: task.abort_handle(), probe });
            // Relaxed, because it is set before the others are taken under this lock.
            this.aborted.load(Ordering::Relaxed)
        });
        if aborted {
            // The player was inside a poll when it was aborted: nobody else knows of this task.
            task.abort();
        }
        task
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
