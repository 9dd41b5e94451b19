//! One run of a player: its task, the tasks it spawned, and what it has to say.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tokio::{
    task::{AbortHandle, JoinHandle},
    time::Instant,
};
use tracing::Instrument as _;
use upbeat_probe::Probe;
use upbeat_score::{PartId, Readiness};

use crate::{
    Context, PlayerSnapshot, WorkList,
    panic::{Panic, catch},
    player::{BoxError, Player},
    pulse::Pulse,
    report::PlayerReport,
    shared::{Link, Notice},
    stop::StopSignal,
    tree::Tree,
    watchdog::Silence,
};

/// How many lines of [`Context::remark`] are kept.
const REMARKS: usize = 64;
/// How many lines of [`Context::cut`] are kept.
const CUTS: usize = 1024;

/// Why a run failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Error(BoxError),
    Panic(Panic),
}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Why `play` failed.
    pub(crate) fault: Option<Fault>,
    /// Panics outside `play`'s polls: of spawned tasks by their name, and of the player's drop.
    pub(crate) other_panics: Vec<(Option<Arc<str>>, Panic)>,
    pub(crate) details: Vec<(&'static str, String)>,
    pub(crate) remarks: Vec<String>,
    pub(crate) cuts: Vec<String>,
    pub(crate) more_cuts: u64,
    /// What the parts of a nested conductor have to say.
    pub(crate) players: Vec<PlayerReport>,
    /// What it was doing when it was aborted because it had not stopped in time.
    pub(crate) stuck: Option<Box<PlayerSnapshot>>,
    /// It has failed before its end, because it gave no sign of life.
    pub(crate) silence: Option<Silence>,
    spawned: Vec<Spawned>,
    sources: Vec<Source>,
}

/// A task that the player has spawned.
#[derive(Debug)]
struct Spawned {
    name: Arc<str>,
    since: Instant,
    task: AbortHandle,
    probe: Probe,
}

/// Lists what a run has under way.
struct Source(Arc<dyn Fn(&mut WorkList) + Send + Sync>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

/// One run of a player.
#[derive(Debug)]
pub(crate) struct Run {
    link: Arc<Link>,
    path: Arc<str>,
    part: PartId,
    id: u64,
    attempt: u32,
    /// How many tasks of this run are left: the player's own, and what it spawned.
    live: AtomicU32,
    readiness: Readiness,
    said_ready: AtomicBool,
    returned_ok: AtomicBool,
    /// What is spawned from now on is aborted at once.
    aborted: AtomicBool,
    pub(crate) stop: StopSignal,
    /// Empty for most players most of the time, so it takes only a pointer until it is needed.
    account: Mutex<Option<Box<Account>>>,
    /// The same holds here.
    pulse: OnceLock<Box<Pulse>>,
}

/// A run that was started, and what the conductor reaches it by. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Playing {
    pub(crate) run: Arc<Run>,
    pub(crate) task: AbortHandle,
    pub(crate) probe: Probe,
}

impl Playing {
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
            account: Mutex::new(None),
            pulse: OnceLock::new(),
        })
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
        let (task, probe) = upbeat_probe::watch(perform(player, Lease::new(self, None)));
        // A span that nobody listens to would only cost memory.
        let task = if span.is_disabled() { tokio::spawn(task) } else { tokio::spawn(task.instrument(span)) };
        Playing { run: self.clone(), task: task.abort_handle(), probe }
    }

    pub(crate) fn spawn<T: Send + 'static>(
        this: &Arc<Self>,
        name: Arc<str>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (work, probe) = upbeat_probe::watch(assist(work, Lease::new(this, Some(name.clone()))));
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
        let tasks: Vec<_> = self.account.lock().as_mut().map_or_else(Vec::new, |account| account.spawned.split_off(0));
        for spawned in tasks {
            spawned.task.abort();
        }
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        self.pulse.get_or_init(Box::default)
    }

    pub(crate) fn add_source(&self, list: Arc<dyn Fn(&mut WorkList) + Send + Sync>) {
        self.with_account(|account| account.sources.push(Source(list)));
    }

    /// Keeps what the run was doing when it was given up.
    pub(crate) fn was_stuck(&self, doing: PlayerSnapshot) {
        self.with_account(|account| account.stuck = Some(Box::new(doing)));
    }

    /// The run has given no sign of life for too long, and is to be stopped for that.
    pub(crate) fn fell_silent(&self, silence: Silence, restart: bool) {
        self.with_account(|account| account.silence = Some(silence));
        self.link.notify(Notice::Unresponsive { part: self.part, run: self.id, restart });
    }

    pub(crate) fn doubt(&self, doubted: bool) {
        self.link.notify(Notice::Doubt { part: self.part, run: self.id, doubted });
    }

    /// Enters what the run is doing, without its open work.
    pub(crate) fn look(&self, snapshot: &mut PlayerSnapshot) {
        snapshot.remaining = self.stop.stopping().map(|stop| stop.deadline.saturating_duration_since(Instant::now()));
        if let Some(pulse) = self.pulse.get() {
            (snapshot.at, snapshot.blocked_on) = pulse.breadcrumbs();
            let reading = pulse.read();
            snapshot.last_beat = reading.last.map(|_| reading.since_last);
            snapshot.progress = reading.count;
        }
        if let Some(account) = &*self.account.lock() {
            snapshot.details.clone_from(&account.details);
            for spawned in account.spawned.iter().filter(|spawned| !spawned.task.is_finished()) {
                snapshot.tasks.add(spawned.since, || spawned.name.to_string(), Some(spawned.probe.clone()));
            }
        }
    }

    /// What the run has under way, as those say who know.
    pub(crate) fn open_work(&self) -> WorkList {
        let sources: Vec<_> = match &*self.account.lock() {
            Some(account) => account.sources.iter().map(|source| source.0.clone()).collect(),
            None => Vec::new(),
        };
        // Without the lock: this is foreign code.
        let mut list = WorkList::default();
        for source in sources {
            source(&mut list);
        }
        list
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
    fn returned(&self, result: Result<(), Fault>) {
        match result {
            // Relaxed, because the conductor reads it only after the last lease has told it of the end.
            Ok(()) => self.returned_ok.store(true, Ordering::Relaxed),
            Err(fault) => self.with_account(|account| account.fault = Some(fault)),
        }
        self.stop.release();
        if self.live.load(Ordering::Relaxed) > 1 {
            self.link.notify(Notice::Leaving { part: self.part, run: self.id });
        }
    }

    /// The first poll has returned pending.
    fn has_begun(&self) {
        if self.readiness == Readiness::AtStart {
            self.link.notify(Notice::Ready { part: self.part, run: self.id });
        }
    }

    pub(crate) fn detail(&self, key: &'static str, value: String) {
        self.with_account(|account| match account.details.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => account.details.push((key, value)),
        });
    }

    pub(crate) fn remark(&self, line: String) {
        self.with_account(|account| {
            if account.remarks.len() == REMARKS {
                account.remarks.remove(0);
            }
            account.remarks.push(line);
        });
    }

    pub(crate) fn cut(&self, line: String) {
        self.with_account(|account| {
            if account.cuts.len() < CUTS {
                account.cuts.push(line);
            } else {
                account.more_cuts += 1;
            }
        });
    }

    /// Says what became of the parts of a nested conductor.
    pub(crate) fn attach(&self, players: Vec<PlayerReport>) {
        self.with_account(|account| account.players = players);
    }

    /// Whether `play` returned `Ok`. For when the run is gone.
    pub(crate) fn returned_ok(&self) -> bool {
        self.returned_ok.load(Ordering::Relaxed)
    }

    /// Takes what the run leaves behind. For when it is gone.
    pub(crate) fn take_account(&self) -> Option<Box<Account>> {
        self.account.lock().take()
    }

    fn with_account<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(self.account.lock().get_or_insert_default())
    }
}

/// The right of one task to count as a part of its run. When the last is dropped the run is gone.
#[derive(Debug)]
pub(crate) struct Lease {
    run: Arc<Run>,
    /// The name of a spawned task; `None` for the player itself.
    task: Option<Arc<str>>,
}

impl Lease {
    fn new(run: &Arc<Run>, task: Option<Arc<str>>) -> Self {
        // Relaxed, because whoever adds a lease holds one, or is the conductor that has not started the run yet.
        run.live.fetch_add(1, Ordering::Relaxed);
        Self { run: run.clone(), task }
    }

    /// Keeps a panic that `play`'s result does not tell of.
    fn panicked(&self, panic: Panic) {
        self.run.with_account(|account| account.other_panics.push((self.task.clone(), panic)));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Run { link, part, id, live, .. } = &*self.run;
        // AcqRel, so that all that the other tasks of this run did happens before the conductor hears of the end.
        if live.fetch_sub(1, Ordering::AcqRel) == 1 {
            link.notify(Notice::Ended { part: *part, run: *id });
        }
    }
}

/// The task of a player.
///
/// `play` is called here, in the task's first poll, so that nothing of the player runs in the control loop.
#[expect(clippy::manual_async_fn, reason = "an `async fn` would hold its arguments twice, in each of many tasks")]
pub(crate) fn perform<P: Player>(player: Arc<P>, lease: Lease) -> impl Future<Output = ()> + Send {
    async move {
        let mut playing = pin!(Guarded { work: None, lease, begun: false });
        // The future is made where it stays: on the way through a variable the task would hold it twice.
        let call = || {
            let mut playing = playing.as_mut().project();
            let cx = Context { run: playing.lease.run.clone() };
            playing.work.set(Some(player.play(cx)));
        };
        if let Err(panic) = catch(call) {
            return playing.lease.run.returned(Err(Fault::Panic(panic)));
        }
        let result = match playing.as_mut().await {
            Ok(returned) => returned.map_err(|error| Fault::Error(error.into())),
            Err(panic) => Err(Fault::Panic(panic)),
        };
        playing.lease.run.returned(result);
    }
}

/// A task that a player has spawned.
async fn assist<T>(work: impl Future<Output = T>, lease: Lease) -> T {
    let mut working = pin!(Guarded { work: Some(work), lease, begun: true });
    match working.as_mut().await {
        Ok(value) => value,
        Err(panic) => {
            let message = panic.to_string();
            working.lease.panicked(panic);
            // Whoever awaits the handle learns of the panic too; the hook has already spoken, so it is not called again.
            std::panic::resume_unwind(Box::new(message))
        }
    }
}

pin_project! {
    /// User code that is polled and dropped under guard.
    struct Guarded<F> {
        #[pin]
        work: Option<F>,
        // Whether the first poll is past, or does not matter.
        begun: bool,
        // Dropped last: it tells the conductor that the rest is gone.
        lease: Lease,
    }

    impl<F> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            this.discard();
        }
    }
}

impl<F> Guarded<F> {
    fn discard(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.work.is_some()
            && let Err(panic) = catch(|| this.work.set(None))
        {
            this.lease.panicked(panic);
        }
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let Some(work) = this.work.as_pin_mut() else { return Poll::Pending };
        let result = match catch(|| work.poll(cx)) {
            Ok(Poll::Pending) => {
                if !std::mem::replace(this.begun, true) {
                    this.lease.run.has_begun();
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        self.discard();
        Poll::Ready(result)
    }
}
