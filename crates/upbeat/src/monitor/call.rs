//! The two sides of an active call: the task that runs it, and its caller.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    sync::oneshot::{self, Receiver, Sender},
    task::AbortHandle,
    time::timeout,
};
use upbeat_probe::Watched;

use super::{
    CallError,
    calls::{CallWork, Calls, WaitEnd},
    watch,
};
use crate::{
    panic::{CatchPanic, Panic, catch},
    targets,
};

/// Adds an active call, and returns its two sides.
///
/// # Errors
///
/// If the maximum of calls is active.
pub(super) fn enter<T>(
    calls: &Arc<Calls>,
    name: &Arc<str>,
    work: CallWork,
) -> Result<(CallSlot<T>, Caller<T>), CallError> {
    let (key, start_watch) = calls.enter(name.clone(), work)?;
    let (sender, result) = oneshot::channel();
    // Made before anything that may panic, such as a spawn outside a runtime: its drop frees the
    // slot.
    let slot = CallSlot { calls: calls.clone(), key, name: name.clone(), sender: Some(sender), left: false };
    if start_watch {
        watch::start(calls);
    }
    Ok((slot, Caller { calls: calls.clone(), key, name: name.clone(), result, task: None }))
}

/// The slot of an active call. It is free when this is dropped, and not before.
pub(super) struct CallSlot<T> {
    calls: Arc<Calls>,
    key: u64,
    name: Arc<str>,
    /// `None` if the call has ended.
    sender: Option<Sender<Result<T, Panic>>>,
    /// Whether the slot is free.
    left: bool,
}

impl<T> CallSlot<T> {
    fn finish(mut self, result: Result<T, Panic>) {
        let Some(sender) = self.sender.take() else { return };
        let panicked = result.is_err();
        let in_time = self
            .calls
            .leave_if_awaited(self.key, |counts| if panicked { counts.panicked += 1 } else { counts.done += 1 });
        self.left = in_time;
        // If the caller stops waiting at this moment, the send returns the result.
        let discarded = if in_time { sender.send(result).err() } else { Some(result) };
        match discarded {
            Some(Ok(result)) => self.discard(result),
            Some(Err(panic)) => {
                let (monitor, call) = (&*self.calls.settings.name, &*self.name);
                let (panic, location) = (panic.message(), panic.location());
                tracing::error!(
                    target: targets::MONITOR, monitor, call, panic, location,
                    "call panicked after its caller stopped waiting"
                );
            }
            None => {}
        }
        // After the drop of the result, which belongs to the call.
        if !in_time {
            self.left = true;
            self.calls.leave_late(self.key, |counts| counts.late += 1);
        }
    }

    /// Drops a result, and catches its panic.
    fn discard(&self, result: T) {
        if let Err(panic) = catch(|| drop(result)) {
            let (monitor, call) = (&*self.calls.settings.name, &*self.name);
            let (panic, location) = (panic.message(), panic.location());
            tracing::error!(
                target: targets::MONITOR, monitor, call, panic, location,
                "discarded result of a call panicked in its drop"
            );
        }
    }
}

impl<T> Drop for CallSlot<T> {
    fn drop(&mut self) {
        // Dropped before its end: aborted after its timeout, or by the end of the runtime.
        if !self.left && !self.calls.leave_if_awaited(self.key, |counts| counts.lost += 1) {
            self.calls.leave_late(self.key, |_| {});
        }
    }
}

pin_project_lite::pin_project! {
    /// A future that runs in its slot. The order of the fields matters: if the task is aborted, the
    /// future is dropped first, and then its slot is free.
    pub(super) struct ActiveFuture<F: Future> {
        #[pin]
        work: CatchPanic<Watched<F>>,
        slot: Option<CallSlot<F::Output>>,
    }
}

impl<F: Future> ActiveFuture<F> {
    pub(super) fn new(work: Watched<F>, slot: CallSlot<F::Output>) -> Self {
        Self { work: CatchPanic::new(work), slot: Some(slot) }
    }
}

impl<F: Future> Future for ActiveFuture<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // It drops the future before it completes, and so before the slot is free.
        let result = ready!(this.work.poll(cx));
        if let Some(slot) = this.slot.take() {
            slot.finish(result);
        }
        Poll::Ready(())
    }
}

/// A function that runs in its slot. The order of the fields matters as in [`ActiveFuture`].
pub(super) struct BlockingCall<F, T> {
    pub(super) work: F,
    pub(super) slot: CallSlot<T>,
}

impl<F: FnOnce() -> T, T> BlockingCall<F, T> {
    pub(super) fn run(self) {
        self.slot.calls.set_running(self.slot.key);
        self.slot.finish(catch(self.work));
    }
}

/// The side of the caller.
pub(super) struct Caller<T> {
    calls: Arc<Calls>,
    key: u64,
    name: Arc<str>,
    result: Receiver<Result<T, Panic>>,
    task: Option<AbortHandle>,
}

impl<T> Caller<T> {
    pub(super) async fn wait_for(mut self, task: AbortHandle) -> Result<T, CallError> {
        self.task = Some(task);
        let settings = &self.calls.settings;
        let result = match timeout(settings.timeout, &mut self.result).await {
            Ok(result) => result,
            Err(_) if self.end_wait(WaitEnd::TimedOut) => {
                let (monitor, call) = (settings.name.clone(), self.name.clone());
                return Err(CallError::TimedOut { monitor, call, timeout: settings.timeout });
            }
            // It ended at the same time.
            Err(_) => (&mut self.result).await,
        };
        match result {
            Ok(result) => result.map_err(CallError::Panicked),
            Err(_) => Err(CallError::Lost { monitor: settings.name.clone(), call: self.name.clone() }),
        }
    }

    fn end_wait(&self, why: WaitEnd) -> bool {
        let ended = self.calls.end_wait(self.key, why);
        if ended
            && self.calls.settings.cancel_on_timeout
            && let Some(task) = &self.task
        {
            task.abort();
        }
        ended
    }
}

impl<T> Drop for Caller<T> {
    fn drop(&mut self) {
        self.end_wait(WaitEnd::Abandoned);
    }
}
