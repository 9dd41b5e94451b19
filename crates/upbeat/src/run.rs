//! One run of a player: its task, the tasks it spawned, and what it has to say.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context as TaskContext, Poll, ready},
};

use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use upbeat_score::{PartId, Readiness};

use crate::{
    Context,
    context::StopSignal,
    panic::{Panic, catch},
    player::{BoxError, BoxFuture, DynPlayer},
    report::PlayerReport,
    shared::{Link, Notice},
    tree::Tree,
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
    spawned: Vec<(Arc<str>, AbortHandle)>,
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
    pub(crate) stop: StopSignal,
    /// Empty for most players most of the time, so it takes only a pointer until it is needed.
    account: Mutex<Option<Box<Account>>>,
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
            stop: StopSignal::default(),
            account: Mutex::new(None),
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
    pub(crate) fn start(self: &Arc<Self>, player: Arc<dyn DynPlayer>) -> AbortHandle {
        let span = tracing::info_span!(parent: None, "player", player = %self.path);
        let task = perform(player, Lease::new(self));
        if span.is_disabled() {
            tokio::spawn(task).abort_handle()
        } else {
            use tracing::Instrument;
            tokio::spawn(task.instrument(span)).abort_handle()
        }
    }

    pub(crate) fn spawn<T: Send + 'static>(
        this: &Arc<Self>,
        name: Arc<str>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        use tracing::Instrument;
        let guarded = Spawned { work: Guarded::new(Box::pin(work), Some(name.clone())), lease: Lease::new(this) };
        let task = tokio::spawn(guarded.instrument(tracing::Span::current()));
        this.with_account(|account| {
            account.spawned.retain(|(_, task)| !task.is_finished());
            account.spawned.push((name, task.abort_handle()));
        });
        task
    }

    /// Aborts the tasks that the player has spawned.
    pub(crate) fn abort_spawned(&self) {
        let tasks: Vec<_> = self.account.lock().as_mut().map_or_else(Vec::new, |account| account.spawned.split_off(0));
        for (_, task) in tasks {
            task.abort();
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

    pub(crate) fn details(&self) -> Vec<(&'static str, String)> {
        self.account.lock().as_ref().map_or_else(Vec::new, |account| account.details.clone())
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

    fn panicked(&self, task: Option<Arc<str>>, panic: Panic) {
        self.with_account(|account| account.other_panics.push((task, panic)));
    }
}

/// The right of one task to count as a part of its run. When the last is dropped the run is gone.
#[derive(Debug)]
struct Lease {
    run: Arc<Run>,
}

impl Lease {
    fn new(run: &Arc<Run>) -> Self {
        // Relaxed, because whoever adds a lease holds one, or is the conductor that has not started the run yet.
        run.live.fetch_add(1, Ordering::Relaxed);
        Self { run: run.clone() }
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

/// The body of a player's task.
async fn perform(player: Arc<dyn DynPlayer>, lease: Lease) {
    let run = &lease.run;
    let outcome = match catch(|| player.play(Context { run: run.clone() })) {
        Ok(play) => Playing { work: Guarded::new(play, None), run, begun: false }.await,
        Err(panic) => Err(panic),
    };
    let result = match outcome {
        Ok(returned) => returned.map_err(Fault::Error),
        Err(panic) => Err(Fault::Panic(panic)),
    };
    match result {
        // Relaxed, because the conductor reads it only after the lease has told it of the end.
        Ok(()) => run.returned_ok.store(true, Ordering::Relaxed),
        Err(fault) => run.with_account(|account| account.fault = Some(fault)),
    }
    run.stop.release();
    if run.live.load(Ordering::Relaxed) > 1 {
        run.link.notify(Notice::Leaving { part: run.part, run: run.id });
    }
}

/// User code that is polled and dropped under guard.
struct Guarded<'a, T> {
    work: Option<BoxFuture<'a, T>>,
    /// The name of a spawned task; `None` for the player itself.
    name: Option<Arc<str>>,
}

impl<'a, T> Guarded<'a, T> {
    fn new(work: BoxFuture<'a, T>, name: Option<Arc<str>>) -> Self {
        Self { work: Some(work), name }
    }

    /// Polls, and drops the work when it is done.
    fn poll(&mut self, cx: &mut TaskContext<'_>, run: &Run) -> Poll<Result<T, Panic>> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let result = match catch(|| work.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        self.discard(run);
        Poll::Ready(result)
    }

    fn discard(&mut self, run: &Run) {
        if let Some(work) = self.work.take()
            && let Err(panic) = catch(|| drop(work))
        {
            run.panicked(self.name.clone(), panic);
        }
    }
}

/// A player being played.
struct Playing<'a> {
    work: Guarded<'a, Result<(), BoxError>>,
    run: &'a Run,
    begun: bool,
}

impl Future for Playing<'_> {
    type Output = Result<Result<(), BoxError>, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = this.work.poll(cx, this.run);
        if polled.is_pending() && !std::mem::replace(&mut this.begun, true) {
            this.run.has_begun();
        }
        polled
    }
}

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        self.work.discard(self.run);
    }
}

/// A task that a player has spawned.
struct Spawned<T> {
    work: Guarded<'static, T>,
    lease: Lease,
}

impl<T> Future for Spawned<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<T> {
        let this = &mut *self;
        match ready!(this.work.poll(cx, &this.lease.run)) {
            Ok(value) => Poll::Ready(value),
            Err(panic) => {
                let message = panic.to_string();
                this.lease.run.panicked(this.work.name.clone(), panic);
                // Whoever awaits the handle learns of the panic too; the hook has already spoken, so it is not called again.
                std::panic::resume_unwind(Box::new(message))
            }
        }
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        self.work.discard(&self.lease.run);
    }
}
