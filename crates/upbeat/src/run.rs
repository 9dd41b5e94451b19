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
use upbeat_probe::{Probe, Watchpoint};
use upbeat_score::{PartId, Readiness};

use crate::{
    Context, PlayerSnapshot, WorkList,
    context::Place,
    panic::{Panic, catch},
    player::{BoxError, Player},
    pulse::Pulse,
    report::PlayerReport,
    root::{Root, RunOver},
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
    /// What the contexts below this run's hang on, once there is one.
    pub(crate) root: Option<Arc<Root>>,
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
    /// From where the player's own future is watched.
    watchpoint: Watchpoint,
    /// Empty for most players most of the time, so it takes only a pointer until it is needed.
    sayings: OnceLock<Box<Sayings>>,
}

/// What a run says, and what is to be said of it.
#[derive(Debug, Default)]
struct Sayings {
    account: Mutex<Account>,
    pulse: Pulse,
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

    fn sayings(&self) -> &Sayings {
        self.sayings.get_or_init(Box::default)
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.sayings().pulse
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
        let Some(Sayings { account, pulse }) = self.sayings.get().map(|sayings| &**sayings) else { return };
        (snapshot.at, snapshot.blocked_on) = pulse.breadcrumbs();
        let reading = pulse.read();
        snapshot.last_beat = reading.last.map(|_| reading.since_last);
        snapshot.progress = reading.count;
        let account = account.lock();
        snapshot.details.clone_from(&account.details);
        for spawned in account.spawned.iter().filter(|spawned| !spawned.task.is_finished()) {
            snapshot.tasks.add(spawned.since, || spawned.name.to_string(), Some(spawned.probe.clone()));
        }
    }

    /// What the run has under way, as those say who know.
    pub(crate) fn open_work(&self) -> WorkList {
        let mut list = WorkList::default();
        let Some(sayings) = self.sayings.get() else { return list };
        // A copy, because this is foreign code and must not run under the lock.
        let sources: Vec<_> = sayings.account.lock().sources.iter().map(|source| source.0.clone()).collect();
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
        self.is_over(RunOver::Returned);
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
    pub(crate) fn take_account(&self) -> Option<Account> {
        Some(std::mem::take(&mut *self.sayings.get()?.account.lock()))
    }

    /// As [`with_account`](Run::with_account), but without making one.
    pub(crate) fn with_account_if_any<T>(&self, look: impl FnOnce(&mut Account) -> Option<T>) -> Option<T> {
        look(&mut self.sayings.get()?.account.lock())
    }

    pub(crate) fn with_account<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut self.sayings().account.lock())
    }
}

/// The right of one task to count as a part of its run. When the last is dropped the run is gone.
#[derive(Debug)]
pub(crate) struct Lease<N = ()> {
    run: Arc<Run>,
    /// Which task of the run. A type, because the task of an idle player has no room for a name that it has not.
    task: N,
}

/// The name of a task: what a spawned one has, and the player's own has not.
pub(crate) trait TaskName: Clone {
    /// Whether it is the player's own task.
    const IS_PLAYERS: bool;

    fn name(self) -> Option<Arc<str>>;
}

impl TaskName for () {
    const IS_PLAYERS: bool = true;

    fn name(self) -> Option<Arc<str>> {
        None
    }
}

impl TaskName for Arc<str> {
    const IS_PLAYERS: bool = false;

    fn name(self) -> Option<Arc<str>> {
        Some(self)
    }
}

impl<N: TaskName> Lease<N> {
    fn new(run: &Arc<Run>, task: N) -> Self {
        // Relaxed, because whoever adds a lease holds one, or is the conductor that has not started the run yet.
        run.live.fetch_add(1, Ordering::Relaxed);
        Self { run: run.clone(), task }
    }

    /// Keeps a panic that `play`'s result does not tell of.
    fn panicked(&self, panic: Panic) {
        self.run.with_account(|account| account.other_panics.push((self.task.clone().name(), panic)));
    }
}

impl<N> Drop for Lease<N> {
    fn drop(&mut self) {
        let Run { link, part, id, live, .. } = &*self.run;
        // AcqRel, so that all that the other tasks of this run did happens before the conductor hears of the end.
        if live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.run.is_over(RunOver::Gone);
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
            let cx = Context(Place::Run(playing.lease.run.clone()));
            let run = cx.run().clone();
            run.watchpoint.run(|| playing.work.set(Some(player.play(cx))));
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
async fn assist<T>(work: impl Future<Output = T>, lease: Lease<Arc<str>>) -> T {
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
    struct Guarded<F, N: TaskName = ()> {
        #[pin]
        work: Option<F>,
        // Whether the first poll is past, or does not matter.
        begun: bool,
        // Dropped last: it tells the conductor that the rest is gone.
        lease: Lease<N>,
    }

    impl<F, N: TaskName> PinnedDrop for Guarded<F, N> {
        fn drop(this: Pin<&mut Self>) {
            this.discard();
        }
    }
}

impl<F, N: TaskName> Guarded<F, N> {
    fn discard(self: Pin<&mut Self>) {
        let mut this = self.project();
        if this.work.is_some()
            && let Err(panic) = catch(|| this.work.set(None))
        {
            this.lease.panicked(panic);
        }
        if N::IS_PLAYERS {
            this.lease.run.watchpoint.dropped();
        }
    }
}

impl<F: Future, N: TaskName> Future for Guarded<F, N> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let Some(work) = this.work.as_pin_mut() else { return Poll::Pending };
        let poll = || {
            // What the player has spawned is watched from a place of its own.
            if N::IS_PLAYERS { this.lease.run.watchpoint.poll(work, cx) } else { work.poll(cx) }
        };
        let result = match catch(poll) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_an_idle_player_is_small() {
        async fn idle(cx: Context) -> Result<(), BoxError> {
            cx.stopping().await;
            Ok(())
        }
        let task = perform(Arc::new(idle), Lease::new(&Run::background(), ()));
        // With 128 tokio's own part of a task fills whole blocks of 128; one word more costs each player another block.
        assert!(size_of_val(&task) <= 128, "{}", size_of_val(&task));
        // 72 of them are the watchpoint, which would cost 100 as an allocation of its own.
        assert!(size_of::<Run>() <= 184, "{}", size_of::<Run>());
    }
}
