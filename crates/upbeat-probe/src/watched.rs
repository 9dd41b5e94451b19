//! A future under a probe.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{probe::Probe, watchpoint::Watchpoint};

/// Wraps `future`, and returns it with its probe.
///
/// The probe can be used at once, and still when the future is gone. Before the first poll it
/// answers [`NotPolledYet`](crate::Answer::NotPolledYet).
///
/// ```
/// use std::time::Duration;
/// use upbeat_probe::{Answer, watch};
///
/// let (watched, probe) = watch(async { 7 });
/// assert!(matches!(probe.ask_blocking(Duration::ZERO), Answer::NotPolledYet));
/// drop(watched);
/// assert!(matches!(probe.ask_blocking(Duration::ZERO), Answer::Dropped));
/// ```
pub fn watch<F: Future>(future: F) -> (Watched<F>, Probe) {
    let point = Arc::new(Watchpoint::new());
    (Watched { future, guard: DropGuard { point: point.clone() } }, Probe::of(point))
}

pin_project_lite::pin_project! {
    /// A future under a [`Probe`], from [`watch`].
    ///
    /// # Guarantees
    ///
    /// It completes with the output of the future. A panic of the future passes through. It may
    /// move between tasks and threads as the future itself may, and it may be watched in turn.
    ///
    /// # Not guaranteed
    ///
    /// A clone of the task's waker is kept from the first poll to the end. An executor that drops a
    /// task when all its wakers are dropped keeps the task for that time.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    #[must_use = "a watched future does nothing unless it is polled"]
    // In this order, so that the future is aligned as without the wrapper. With `guard` first,
    // `examples/ping_pong.rs` is a tenth slower.
    #[repr(C)]
    pub struct Watched<F> {
        #[pin]
        future: F,
        // After the future, so that it is dropped last: a future that blocks in its drop is not
        // reported as dropped.
        guard: DropGuard,
    }
}

/// A guard that reports the drop of the future.
struct DropGuard {
    point: Arc<Watchpoint>,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.guard.point.poll(this.future, cx)
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.point.dropped();
    }
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("point", &self.guard.point).finish_non_exhaustive()
    }
}
