//! A future that can be asked where it waits.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::{Probe, desk::Desk, tracer};

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
    let desk = Arc::new(Desk::new());
    (Watched { future, post: Post { desk: desk.clone(), known: None } }, Probe::new(desk))
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
    // In this order, so that the future is aligned as it would be alone. Left to itself the compiler puts the three words of `post` first; that made
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
    desk: Arc<Desk>,
    /// The waker that the desk knows. A second clone, because this one is compared at each poll, without a lock.
    known: Option<Waker>,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.post.meet(cx.waker());
        let desk = &*this.post.desk;
        let polling = desk.poll_begins();
        let outcome = if desk.is_asked() { traced_poll(this.future, desk, cx.waker()) } else { this.future.poll(cx) };
        drop(polling);
        if outcome.is_ready() {
            this.post.finished();
        }
        outcome
    }
}

#[cold]
fn traced_poll<F: Future>(future: Pin<&mut F>, desk: &Desk, waker: &Waker) -> Poll<F::Output> {
    desk.traced_poll_begins();
    let (outcome, record) = tracer::poll(future, waker);
    // The end of the future is an answer of its own, and that of a panic is given when the future is dropped.
    if outcome.is_pending() {
        desk.answer(record);
    }
    outcome
}

impl Post {
    /// Makes sure that the desk knows whom to wake.
    #[inline]
    fn meet(&mut self, waker: &Waker) {
        if !self.known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.meet_new(waker);
        }
    }

    #[cold]
    fn meet_new(&mut self, waker: &Waker) {
        // Inside of a watched future that is being traced the waker is a borrowed one, and cloning it would leave a trace of us.
        let real = tracer::real(waker);
        if !self.known.as_ref().is_some_and(|known| known.will_wake(real)) {
            self.desk.wakes(real.clone());
            self.known = Some(real.clone());
        }
    }

    #[cold]
    fn finished(&mut self) {
        self.known = None;
        self.desk.finished();
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        self.desk.dropped();
    }
}

impl<F> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("polls", &self.post.desk.polls()).finish_non_exhaustive()
    }
}
