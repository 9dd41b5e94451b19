//! The watchpoint through which a watched future is polled.

use std::{
    fmt,
    pin::Pin,
    ptr,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll, Waker},
};

use crate::{requests::TraceRequests, sync::AtomicUsize, tracer};

/// A point through which one future is polled and watched: [`watch`](crate::watch) without its
/// allocation.
///
/// It is for code that polls a future itself and has a shared value to keep this in. It takes 64
/// bytes. [`Probe::of`](crate::Probe::of) makes its probe.
///
/// ```
/// use std::{pin::Pin, sync::Arc, task::{Context, Poll}, time::Duration};
/// use upbeat_probe::{Answer, Probe, Watchpoint};
///
/// /// A value that is shared with the task anyway.
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
/// It serves one future, from the first poll to the end. If the future is dropped before its end,
/// [`dropped`](Watchpoint::dropped) has to be called. Otherwise probes do not see the drop. A clone
/// of the task's waker is kept from the end of the first poll to the end.
pub struct Watchpoint {
    pub(crate) requests: TraceRequests,
    /// The data and vtable addresses of the stored waker, compared at each poll without a lock.
    /// Another waker cannot have the same addresses while the clone is kept. Relaxed, because only
    /// the future's own polls use them.
    known: [AtomicUsize; 2],
}

impl Watchpoint {
    /// Creates a watchpoint for one future.
    pub fn new() -> Self {
        Self { requests: TraceRequests::new(), known: [AtomicUsize::new(0), AtomicUsize::new(0)] }
    }

    /// Polls the future, and answers pending requests.
    ///
    /// # Panics
    ///
    /// If the future panics.
    #[inline]
    pub fn poll<F: Future>(&self, future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Many futures complete in their first poll and never need the waker.
        let first = self.knows_none();
        if !first {
            self.update_waker(cx.waker());
        }
        let polling = self.requests.begin_poll();
        let outcome = if self.requests.is_requested() { self.traced_poll(future, cx.waker()) } else { future.poll(cx) };
        drop(polling);
        if outcome.is_ready() {
            self.finished();
        } else if first {
            self.store_waker(cx.waker());
        }
        outcome
    }

    /// Runs code that belongs to the future but is not one of its polls, such as its construction.
    /// While it runs, probes answer [`Busy`](crate::Answer::Busy).
    ///
    /// # Panics
    ///
    /// If `work` panics.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _polling = self.requests.begin_poll();
        work()
    }

    /// Records that the future was dropped. Does nothing if it had completed.
    pub fn dropped(&self) {
        self.requests.set_dropped();
    }

    #[cold]
    fn traced_poll<F: Future>(&self, future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        self.requests.begin_traced_poll();
        let (outcome, record) = tracer::poll(future, waker);
        // The end of the future is its own answer. After a panic, the drop of the future answers.
        if outcome.is_pending() {
            self.requests.answer(record);
        }
        outcome
    }

    /// Stores the waker if it is not the stored one.
    #[inline]
    fn update_waker(&self, waker: &Waker) {
        if !self.knows(waker) {
            self.store_waker(waker);
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
    fn store_waker(&self, waker: &Waker) {
        // While an enclosing watched future is traced, this waker is the tracer's. Its clone would
        // be recorded.
        let real = tracer::real(waker);
        if !self.knows(real) {
            self.requests.set_waker(real.clone());
            let [data, vtable] = &self.known;
            data.store(real.data().addr(), Relaxed);
            vtable.store(ptr::from_ref(real.vtable()).addr(), Relaxed);
        }
    }

    #[cold]
    fn finished(&self) {
        self.requests.set_finished();
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
        f.debug_struct("Watchpoint").field("polls", &self.requests.polls()).finish_non_exhaustive()
    }
}
