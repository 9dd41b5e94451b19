//! A future that a blocked worker does not keep from the other workers.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use pin_project_lite::pin_project;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::try_id,
};

pin_project! {
    /// A future that another worker can take whenever it is woken, even if the task that wakes it
    /// blocks its own worker afterwards. For control loops.
    ///
    /// A worker of tokio reserves the task that it woke last for itself, in a slot from which no
    /// other worker steals. A player that wakes its conductor by a ready signal or by a request,
    /// and then blocks in the same poll, would stop the conductor, however many workers are idle.
    pub(crate) struct Stealable<F> {
        #[pin]
        future: F,
        waker: Option<OwnWaker>,
    }
}

/// The waker of the task, and the one that the future sees.
struct OwnWaker {
    task: Waker,
    stealable: Waker,
}

impl<F> Stealable<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future, waker: None }
    }
}

impl<F: Future> Future for Stealable<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // The future of `block_on` has a thread of its own.
        if try_id().is_none() {
            return this.future.poll(cx);
        }
        if this.waker.as_ref().is_none_or(|waker| !waker.task.will_wake(cx.waker())) {
            let task = cx.waker().clone();
            let stealable = Waker::from(Arc::new(StealableWaker(task.clone())));
            *this.waker = Some(OwnWaker { task, stealable });
        }
        let waker = this.waker.as_ref().map_or(cx.waker(), |waker| &waker.stealable);
        this.future.poll(&mut Context::from_waker(waker))
    }
}

struct StealableWaker(Waker);

impl Wake for StealableWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake_by_ref();
        free_slot();
    }
}

/// Moves the task that was woken last out of the reserved slot of this worker.
///
/// Tokio has no call for that. But the slot has room for one task, and a displaced task goes to the
/// queue, from which every worker steals. So an empty task takes the slot.
fn free_slot() {
    // Outside of a task there is no worker that may block: timers and other threads.
    if try_id().is_none() {
        return;
    }
    let Ok(runtime) = Handle::try_current() else { return };
    if runtime.runtime_flavor() == RuntimeFlavor::MultiThread {
        drop(runtime.spawn(async {}));
    }
}
