//! The tasks of a run: the player's own, and those that it spawns.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context as TaskContext, Poll},
};

use pin_project_lite::pin_project;
use tokio::{task::JoinHandle, time::Instant};
use tracing::Instrument as _;

use super::{Run, event::Notice, record::Spawned, stop::RunOver};
use crate::panic::{CatchPanic, Panic};

/// The right of one task to count as a part of its run. When the last is dropped the run is gone.
#[derive(Debug)]
pub(crate) struct Lease<N = ()> {
    pub(crate) run: Arc<Run>,
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
    pub(crate) fn new(run: &Arc<Run>, task: N) -> Self {
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

impl Run {
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
}

/// A task that a player has spawned.
pub(crate) async fn assist<T>(work: impl Future<Output = T>, lease: Lease<Arc<str>>) -> T {
    let mut working = pin!(Guarded { work: CatchPanic::new(work), lease, begun: true });
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
    pub(crate) struct Guarded<F, N: TaskName = ()> {
        #[pin]
        work: CatchPanic<F>,
        // Whether the first poll is past, or does not matter.
        begun: bool,
        // Dropped last: it tells the conductor that the rest is gone.
        pub(crate) lease: Lease<N>,
    }

    impl<F, N: TaskName> PinnedDrop for Guarded<F, N> {
        fn drop(this: Pin<&mut Self>) {
            this.discard();
        }
    }
}

impl<F> Guarded<F> {
    /// The code of a player, which is still to be [filled](Guarded::fill) in.
    pub(crate) fn empty(lease: Lease) -> Self {
        Self { work: CatchPanic::empty(), lease, begun: false }
    }

    /// Makes the future, watched as its polls are.
    pub(crate) fn fill(self: Pin<&mut Self>, make: impl FnOnce(Arc<Run>) -> F) -> Result<(), Panic> {
        let this = self.project();
        let run = &this.lease.run;
        this.work.fill(|| run.watchpoint.run(|| make(run.clone())))
    }
}

impl<F, N: TaskName> Guarded<F, N> {
    fn discard(self: Pin<&mut Self>) {
        let this = self.project();
        if let Err(panic) = this.work.discard() {
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
        // What the player has spawned is watched from a place of its own.
        let watchpoint = N::IS_PLAYERS.then_some(&this.lease.run.watchpoint);
        let polled = this.work.poll_with(|work| match watchpoint {
            Some(watchpoint) => watchpoint.poll(work, cx),
            None => work.poll(cx),
        });
        let Poll::Ready(result) = polled else {
            if !std::mem::replace(this.begun, true) {
                this.lease.run.has_begun();
            }
            return Poll::Pending;
        };
        self.discard();
        Poll::Ready(result)
    }
}
