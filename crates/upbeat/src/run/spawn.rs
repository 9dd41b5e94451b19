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

use super::{Run, current::EnteredRun, event::RunEvent, record::SpawnedTask, stop::RunOver};
use crate::panic::{CatchPanic, Panic};

/// The membership of a task in its run. If the last one is dropped, the run is gone.
#[derive(Debug)]
pub(crate) struct Lease<N = ()> {
    pub(crate) run: Arc<Run>,
    /// The task's name. A type, so that the player's own task, which has none, needs no room for
    /// it.
    task: N,
}

/// The name of a task. Spawned tasks have one, and the player's own has not.
pub(crate) trait TaskName: Clone {
    /// Set for the player's own task.
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
        // Relaxed, because the caller holds a lease, or is the conductor, which has not started the
        // run.
        run.live.fetch_add(1, Ordering::Relaxed);
        Self { run: run.clone(), task }
    }

    /// Keeps a panic that is not the result of `play`.
    fn panicked(&self, panic: Panic) {
        self.run.with_record(|record| record.other_panics.push((self.task.clone().name(), panic)));
    }
}

impl<N> Drop for Lease<N> {
    fn drop(&mut self) {
        let Run { link, part, id, live, .. } = &*self.run;
        // AcqRel, so that everything that other tasks of this run did happens before the event.
        if live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.run.end(RunOver::Gone);
            link.sink.send(RunEvent::Ended { part: *part, run: *id });
        }
    }
}

impl Run {
    /// Spawns a task that belongs to the run.
    pub(crate) fn spawn<T: Send + 'static>(
        this: &Arc<Self>,
        name: Arc<str>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let (work, probe) = upbeat_probe::watch(assist(work, Lease::new(this, name.clone())));
        let task = tokio::spawn(work.in_current_span());
        // Those that have ended are returned, so that they are dropped without the lock.
        let (aborted, _ended) = this.with_record(|record| {
            let mut ended = Vec::new();
            // Only when it is full, and then with as much room again. Otherwise each spawn would
            // look at all the others.
            if record.spawned.len() == record.spawned.capacity() {
                ended.extend(record.spawned.extract_if(.., |spawned| spawned.task.is_finished()));
                record.spawned.reserve(record.spawned.len() + 4);
            }
            record.spawned.push(SpawnedTask { name, since: Instant::now(), task: task.abort_handle(), probe });
            // Relaxed, because it is set before the others are taken under this lock.
            (this.aborted.load(Ordering::Relaxed), ended)
        });
        if aborted {
            // The player was inside a poll when it was aborted, so nothing else aborts this task.
            task.abort();
        }
        task
    }
}

/// Runs a task that a player has spawned.
async fn assist<T>(work: impl Future<Output = T>, lease: Lease<Arc<str>>) -> T {
    let mut working = pin!(Guarded { work: CatchPanic::new(work), lease, started: true });
    match working.as_mut().await {
        Ok(value) => value,
        Err(panic) => {
            let message = panic.to_string();
            working.lease.panicked(panic);
            // The handle returns the panic too. The hook was called already, so it is not called
            // again.
            std::panic::resume_unwind(Box::new(message))
        }
    }
}

pin_project! {
    /// User code that is polled and dropped under `catch`, with the lease of its task.
    pub(crate) struct Guarded<F, N: TaskName = ()> {
        #[pin]
        work: CatchPanic<F>,
        // Set once the first poll is over, or if it does not matter.
        started: bool,
        // Dropped last, because the conductor then takes the rest for gone.
        pub(crate) lease: Lease<N>,
    }

    impl<F, N: TaskName> PinnedDrop for Guarded<F, N> {
        fn drop(this: Pin<&mut Self>) {
            this.discard();
        }
    }
}

impl<F> Guarded<F> {
    /// Returns the task of a player whose future is still to be [made](Guarded::fill).
    pub(crate) fn empty(lease: Lease) -> Self {
        Self { work: CatchPanic::empty(), lease, started: false }
    }

    /// Makes the future. What it does meanwhile is watched as its polls are.
    pub(crate) fn fill(self: Pin<&mut Self>, make: impl FnOnce(Arc<Run>) -> F) -> Result<(), Panic> {
        let this = self.project();
        let run = &this.lease.run;
        let _entered = EnteredRun::new(run);
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
        let _entered = EnteredRun::new(&this.lease.run);
        // Spawned tasks have a watchpoint of their own.
        let watchpoint = N::IS_PLAYERS.then_some(&this.lease.run.watchpoint);
        let polled = this.work.poll_with(|work| match watchpoint {
            Some(watchpoint) => watchpoint.poll(work, cx),
            None => work.poll(cx),
        });
        let Poll::Ready(result) = polled else {
            if !std::mem::replace(this.started, true) {
                this.lease.run.set_started();
            }
            return Poll::Pending;
        };
        self.discard();
        Poll::Ready(result)
    }
}
