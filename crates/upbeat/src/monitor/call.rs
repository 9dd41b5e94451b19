//! The two ends of an active call: the one that runs it, and the one that waits for it.

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
    CallError, alert,
    state::{GaveUp, Inner, Work},
};
use crate::panic::{Panic, catch};

/// Takes a place for a call, or refuses it.
pub(super) fn enter<T>(inner: &Arc<Inner>, name: &Arc<str>, work: Work) -> Result<(Place<T>, Waiting<T>), CallError> {
    let (key, watch) = inner.enter(name.clone(), work)?;
    let (sender, result) = oneshot::channel();
    // Before anything that may panic, such as a spawn outside a runtime: from here on the place is given back whatever happens.
    let place = Place { inner: inner.clone(), key, name: name.clone(), sender: Some(sender), left: false };
    if watch {
        alert::watch(inner);
    }
    Ok((place, Waiting { inner: inner.clone(), key, name: name.clone(), result, task: None }))
}

/// The place of an active call. It is given back when this is dropped, and not before.
pub(super) struct Place<T> {
    inner: Arc<Inner>,
    key: u64,
    name: Arc<str>,
    /// `None` when the call has come to its end.
    sender: Option<Sender<Result<T, Panic>>>,
    /// It is given back.
    left: bool,
}

impl<T> Place<T> {
    fn finish(mut self, result: Result<T, Panic>) {
        let Some(sender) = self.sender.take() else { return };
        let panicked = result.is_err();
        let in_time = self
            .inner
            .leave_if_awaited(self.key, |counts| if panicked { counts.panicked += 1 } else { counts.done += 1 });
        self.left = in_time;
        // If the caller goes away in this very moment the result comes back.
        let discarded = if in_time { sender.send(result).err() } else { Some(result) };
        match discarded {
            Some(Ok(result)) => self.discard(result),
            Some(Err(panic)) => tracing::error!("`{}`, which nobody waits for any more, {panic}", self.name),
            None => {}
        }
        // Only now that the result is gone: whatever it holds belongs to the call.
        if !in_time {
            self.left = true;
            self.inner.leave_late(self.key, |counts| counts.late += 1);
        }
    }

    /// The drop of a result is user code too.
    fn discard(&self, result: T) {
        if let Err(panic) = catch(|| drop(result)) {
            tracing::error!("the result of `{}`, which nobody waits for any more, {panic}", self.name);
        }
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // Dropped in its middle: cancelled because of its time-out, or by the end of the runtime.
        if !self.left && !self.inner.leave_if_awaited(self.key, |counts| counts.lost += 1) {
            self.inner.leave_late(self.key, |_| {});
        }
    }
}

pin_project_lite::pin_project! {
    /// A future that runs in its place. The order of the fields matters: when the task is aborted the future is dropped first, and then its place
    /// is free.
    pub(super) struct Active<F: Future> {
        #[pin]
        work: Option<Watched<F>>,
        place: Option<Place<F::Output>>,
    }
}

impl<F: Future> Active<F> {
    pub(super) fn new(work: Watched<F>, place: Place<F::Output>) -> Self {
        Self { work: Some(work), place: Some(place) }
    }
}

impl<F: Future> Future for Active<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(work) = this.work.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        let mut result = match catch(|| work.poll(cx)) {
            Ok(poll) => Ok(ready!(poll)),
            Err(panic) => Err(panic),
        };
        // The future is gone before its place is free, and its drop may panic as its poll may.
        if let Err(panic) = catch(|| this.work.set(None)) {
            if let (Ok(result), Some(place)) = (result, this.place.as_ref()) {
                place.discard(result);
            }
            result = Err(panic);
        }
        if let Some(place) = this.place.take() {
            place.finish(result);
        }
        Poll::Ready(())
    }
}

/// A function that runs in its place. The order of the fields matters as in [`Active`].
pub(super) struct Blocking<F, T> {
    pub(super) work: F,
    pub(super) place: Place<T>,
}

impl<F: FnOnce() -> T, T> Blocking<F, T> {
    pub(super) fn run(self) {
        self.place.inner.has_thread(self.place.key);
        self.place.finish(catch(self.work));
    }
}

/// The caller's end.
pub(super) struct Waiting<T> {
    inner: Arc<Inner>,
    key: u64,
    name: Arc<str>,
    result: Receiver<Result<T, Panic>>,
    task: Option<AbortHandle>,
}

impl<T> Waiting<T> {
    pub(super) async fn wait_for(mut self, task: AbortHandle) -> Result<T, CallError> {
        self.task = Some(task);
        let settings = &self.inner.settings;
        let result = match timeout(settings.timeout, &mut self.result).await {
            Ok(result) => result,
            Err(_) if self.give_up(GaveUp::TimedOut) => {
                let (monitor, call) = (settings.name.clone(), self.name.clone());
                return Err(CallError::TimedOut { monitor, call, timeout: settings.timeout });
            }
            // It came to its end in the same instant.
            Err(_) => (&mut self.result).await,
        };
        match result {
            Ok(result) => result.map_err(CallError::Panicked),
            Err(_) => Err(CallError::Lost { monitor: settings.name.clone(), call: self.name.clone() }),
        }
    }

    fn give_up(&self, why: GaveUp) -> bool {
        let gave_up = self.inner.give_up(self.key, why);
        if gave_up
            && self.inner.settings.cancel
            && let Some(task) = &self.task
        {
            task.abort();
        }
        gave_up
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.give_up(GaveUp::Abandoned);
    }
}
