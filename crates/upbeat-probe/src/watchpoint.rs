//! The watched future's side of its probes.

use std::{
    fmt,
    pin::Pin,
    ptr,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, Waker},
};

use crate::{desk::Desk, sync::AtomicUsize, tracer};

/// From where one future is watched, for whoever polls it by himself and has a place for this: [`watch`](crate::watch) without its
/// allocation. It takes 64 bytes, and is reached by [`Probe::of`](crate::Probe::of).
///
/// ```
/// use std::{pin::Pin, sync::Arc, task::{Context, Poll}, time::Duration};
/// use upbeat_probe::{Answer, Probe, Watchpoint};
///
/// /// Something that is shared with the task anyway.
/// #[derive(Default)]
/// struct Job {
///     watchpoint: Watchpoint,
/// }
///
/// impl AsRef<Watchpoint> for Job {
///     fn as_ref(&self) -> &Watchpoint {
///         &self.watchpoint
///     }
/// }
///
/// struct Task<F> {
///     job: Arc<Job>,
///     future: Pin<Box<F>>,
/// }
///
/// impl<F: Future> Future for Task<F> {
///     type Output = F::Output;
///
///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
///         let job = self.job.clone();
///         job.watchpoint.poll(self.future.as_mut(), cx)
///     }
/// }
///
/// let job = Arc::new(Job::default());
/// let task = Task { job: job.clone(), future: Box::pin(async { 7 }) };
/// let probe = Probe::of(job);
/// assert!(matches!(probe.ask_blocking(Duration::ZERO), Answer::NotPolledYet));
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// assert_eq!(runtime.block_on(task), 7);
/// assert!(matches!(probe.ask_blocking(Duration::ZERO), Answer::Finished));
/// ```
///
/// # Not guaranteed
///
/// It is for one future, from the first poll to the end. When the future is dropped before that,
/// [`dropped`](Watchpoint::dropped) is to be called; otherwise nobody hears of it. From the end of the first poll until its own end
/// a clone of the task's waker is kept.
pub struct Watchpoint {
    pub(crate) desk: Desk,
    /// Where the waker that the desk knows points to: compared at each poll, without a lock. Another waker cannot come to the same
    /// place, since the desk keeps a clone. Relaxed, because only the future's own polls use them.
    known: [AtomicUsize; 2],
}

impl Watchpoint {
    /// A place from which no future has been watched.
    pub fn new() -> Self {
        Self { desk: Desk::new(), known: [AtomicUsize::new(0), AtomicUsize::new(0)] }
    }

    /// Polls the future, and answers who has asked.
    ///
    /// # Panics
    ///
    /// When the future does.
    #[inline]
    pub fn poll<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // The first poll is the only one of many futures, and those need not be woken to be asked.
        let first = self.knows_none();
        if !first {
            self.meet(cx.waker());
        }
        let polling = self.desk.poll_begins();
        let outcome = if self.desk.is_asked() { self.traced_poll(future, cx.waker()) } else { future.poll(cx) };
        drop(polling);
        if outcome.is_ready() {
            self.finished();
        } else if first {
            self.meet_new(cx.waker());
        }
        outcome
    }

    /// Runs something that belongs to the future but is not one of its polls, such as making it: while it runs, who asks is told that it is
    /// [`Busy`](crate::Answer::Busy).
    ///
    /// # Panics
    ///
    /// When `work` does.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _polling = self.desk.poll_begins();
        work()
    }

    /// The future was dropped before it had completed. Does nothing if it had.
    pub fn dropped(&self) {
        self.desk.dropped();
    }

    #[cold]
    fn traced_poll<F: Future>(&self, future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        self.desk.traced_poll_begins();
        let (outcome, record) = tracer::poll(future, waker);
        // The end of the future is an answer of its own, and that of a panic is given when the future is dropped.
        if outcome.is_pending() {
            self.desk.answer(record);
        }
        outcome
    }

    /// Makes sure that the desk knows whom to wake.
    #[inline]
    fn meet(&self, waker: &Waker) {
        if !self.knows(waker) {
            self.meet_new(waker);
        }
    }

    #[inline]
    fn knows_none(&self) -> bool {
        self.known[1].load(Relaxed) == 0
    }

    #[inline]
    fn knows(&self, waker: &Waker) -> bool {
        let [data, vtable] = &self.known;
        data.load(Relaxed) == waker.data().addr() && vtable.load(Relaxed) == ptr::from_ref(waker.vtable()).addr()
    }

    #[cold]
    fn meet_new(&self, waker: &Waker) {
        // Inside of a watched future that is being traced the waker is a borrowed one, and cloning it would leave a trace of us.
        let real = tracer::real(waker);
        if !self.knows(real) {
            self.desk.wakes(real.clone());
            let [data, vtable] = &self.known;
            data.store(real.data().addr(), Relaxed);
            vtable.store(ptr::from_ref(real.vtable()).addr(), Relaxed);
        }
    }

    #[cold]
    fn finished(&self) {
        self.desk.finished();
    }
}

impl Default for Watchpoint {
    fn default() -> Self {
        Self::new()
    }
}

impl AsRef<Self> for Watchpoint {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl fmt::Debug for Watchpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchpoint").field("polls", &self.desk.polls()).finish_non_exhaustive()
    }
}
