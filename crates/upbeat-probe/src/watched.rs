//! A future that can be asked where it waits.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{Probe, Watchpoint};

/// Makes `future` one that can be asked where it is waiting, and gives the probe to ask with.
///
/// The probe is useful from now on: until the first poll it says [`NotPolledYet`](crate::Answer::NotPolledYet), and it goes on to answer
/// when the future is gone.
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
    (Watched { future, post: Post { point: point.clone() } }, Probe::of(point))
}

pin_project_lite::pin_project! {
    /// A future under a [`Probe`], from [`watch`]: does what the future does.
    ///
    /// # Guarantees
    ///
    /// It completes with what the future completes with; a panic of the future passes through. It may move between tasks and threads
    /// as the future itself may, and it may be watched itself.
    ///
    /// # Not guaranteed
    ///
    /// Between the first poll and the end a clone of the task's waker is kept. For most executors that is nothing; for one
    /// that drops a task when nobody has its waker any more, the task lives on.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    #[must_use = "a watched future does nothing unless it is polled"]
    // In this order, so that the future is aligned as it would be alone. Left to itself the compiler may put `post` first; that has made
    // `examples/ping_pong.rs` slower by a tenth, and nothing else that we do costs a tenth of that.
    #[repr(C)]
    pub struct Watched<F> {
        #[pin]
        future: F,
        // After the future, so that it is dropped after it: a future that blocks while it is dropped is not reported as dropped.
        post: Post,
    }
}

/// The watched future's end of the connection to its probes.
struct Post {
    point: Arc<Watchpoint>,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.post.point.poll(this.future, cx)
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.point.dropped();
    }
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("point", &self.post.point).finish_non_exhaustive()
    }
}
