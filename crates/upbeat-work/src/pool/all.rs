//! Many jobs from one iterator, and their results as a stream.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    iter::Fuse,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use futures_core::Stream;

use super::{
    batch::{Batch, Landing},
    outcome::{JobError, Outcome},
    room::Room,
    shared::{Refusal, Shared},
};

/// How many jobs share an allocation and an entry of the queue.
const BATCH: usize = 64;

/// The results of [`Pool::submit_all`](super::Pool::submit_all), in the order of the jobs.
///
/// Dropped, it cancels what has not begun.
#[must_use = "it submits as it is polled"]
pub struct Results<I: Iterator, R> {
    flight: Flight<I, R>,
}

/// The results of [`Pool::submit_all_unordered`](super::Pool::submit_all_unordered) as they come, each with the position of its job.
///
/// Dropped, it cancels what has not begun.
#[must_use = "it submits as it is polled"]
pub struct ResultsUnordered<I: Iterator, R> {
    flight: Flight<I, R>,
}

/// Submits ahead of what is read, as far as there is room.
struct Flight<I: Iterator, R> {
    shared: Arc<Shared<I::Item, R>>,
    jobs: Fuse<I>,
    ordered: bool,
    landing: Arc<Landing>,
    batches: VecDeque<Flying<I::Item, R>>,
    /// The number of the first of the batches.
    first: usize,
    /// Where the next batch begins.
    submitted: usize,
    ready: VecDeque<(usize, Outcome<R>)>,
    /// How many were submitted and not read.
    open: usize,
    room: Option<Room<I::Item, R>>,
    /// There is nothing more to be submitted.
    over: bool,
    /// A job was not accepted.
    refused: bool,
    news: Vec<usize>,
}

struct Flying<J, R> {
    batch: Arc<Batch<J, R>>,
    /// The position of its first job.
    begin: usize,
    /// How many of its outcomes are out.
    out: usize,
    jobs: usize,
    /// It has news.
    told: bool,
}

impl<J, R> Flying<J, R> {
    fn collect(&mut self, gaps: bool, ready: &mut VecDeque<(usize, Outcome<R>)>) {
        self.told = false;
        let (begin, before) = (self.begin, ready.len());
        let from = if gaps { 0 } else { self.out };
        self.batch.collect(from, gaps, |at, outcome| ready.push_back((begin + at, outcome)));
        self.out += ready.len() - before;
    }
}

impl<I: Iterator, R> Flight<I, R> {
    fn new(shared: Arc<Shared<I::Item, R>>, jobs: I, ordered: bool) -> Self {
        Self {
            shared,
            jobs: jobs.fuse(),
            ordered,
            landing: Arc::new(Landing::new()),
            batches: VecDeque::new(),
            first: 0,
            submitted: 0,
            ready: VecDeque::new(),
            open: 0,
            room: None,
            over: false,
            refused: false,
            news: Vec::new(),
        }
    }

    /// Submits as long as there are jobs, room, and not too many results that nobody has read.
    fn fill(&mut self, cx: &mut TaskContext<'_>) {
        let window = 2 * self.shared.settings.queue;
        while !self.over && self.open < window {
            let mut places = 0;
            if let Some(room) = &mut self.room {
                match Pin::new(room).poll(cx) {
                    Poll::Pending => return,
                    Poll::Ready(Err(())) => self.refuse(),
                    Poll::Ready(Ok(())) => places = 1,
                }
                self.room = None;
            } else {
                match self.shared.reserve(BATCH.min(window - self.open), self.open == 0) {
                    Ok(free) => places = free,
                    Err(Refusal::Closed) => self.refuse(),
                    // Its own results wake it, if it waits for any.
                    Err(Refusal::Full(None)) => return,
                    Err(Refusal::Full(Some(room))) => self.room = Some(room),
                }
            }
            if places > 0 && !self.submit(places) {
                return;
            }
        }
    }

    fn refuse(&mut self) {
        self.over = true;
        self.refused = self.jobs.next().is_some();
    }

    /// Whether there may be more jobs.
    fn submit(&mut self, places: usize) -> bool {
        let at = self.first + self.batches.len();
        let mut reserved = Reserved { shared: &self.shared, places };
        let batch = Arc::new(Batch::new(self.jobs.by_ref().take(places), at, self.landing.clone()));
        reserved.places = 0;
        let jobs = batch.len();
        let open = self.shared.push_batch(&batch, places);
        if open && jobs > 0 {
            self.batches.push_back(Flying { batch, begin: self.submitted, out: 0, jobs, told: false });
            self.submitted += jobs;
            self.open += jobs;
        }
        self.refused |= !open && jobs > 0;
        self.over |= !open || jobs < places;
        !self.over
    }

    fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<(usize, Outcome<R>)>> {
        if self.ready.is_empty() {
            self.fill(cx);
            self.collect(cx);
        }
        if let Some(next) = self.ready.pop_front() {
            self.open -= 1;
            return Poll::Ready(Some(next));
        }
        if !self.over || !self.batches.is_empty() {
            return Poll::Pending;
        }
        // The last word, and only if there was a job that was not accepted.
        let refused = std::mem::take(&mut self.refused);
        Poll::Ready(refused.then_some((self.submitted, Outcome::Refused)))
    }

    /// Collects what has come, as far as it may be read.
    fn collect(&mut self, cx: &mut TaskContext<'_>) {
        while self.ready.is_empty() && !self.batches.is_empty() {
            // A look at a batch whose worker has not told would only be in that worker's way.
            if !(self.ordered && self.batches[0].told) {
                self.landing.news(self.ordered.then_some(self.first), &mut self.news, cx);
                if self.news.is_empty() {
                    return;
                }
            }
            for at in self.news.drain(..) {
                // One that is over may have told once more.
                if let Some(batch) = at.checked_sub(self.first).and_then(|at| self.batches.get_mut(at)) {
                    batch.told = true;
                    if !self.ordered {
                        batch.collect(true, &mut self.ready);
                    }
                }
            }
            while self.ordered && self.batches.front().is_some_and(|front| front.told) {
                self.batches[0].collect(false, &mut self.ready);
                self.forget_done();
            }
            self.forget_done();
        }
    }

    fn forget_done(&mut self) {
        while self.batches.front().is_some_and(|front| front.out == front.jobs) {
            self.batches.pop_front();
            self.first += 1;
        }
    }
}

impl<I: Iterator, R> Drop for Flight<I, R> {
    fn drop(&mut self) {
        let cancelled = self.batches.drain(..).map(|flying| flying.batch.abandon()).sum();
        if cancelled > 0 {
            self.shared.cancel(cancelled);
        }
    }
}

/// Gives places back when the iterator panics.
struct Reserved<'a, J, R> {
    shared: &'a Shared<J, R>,
    places: usize,
}

impl<J, R> Drop for Reserved<'_, J, R> {
    fn drop(&mut self) {
        if self.places > 0 {
            self.shared.give_up_places(self.places);
        }
    }
}

impl<I: Iterator, R> Results<I, R> {
    pub(super) fn new(shared: Arc<Shared<I::Item, R>>, jobs: I) -> Self {
        Self { flight: Flight::new(shared, jobs, true) }
    }

    /// The next result, in the order of the jobs; `None` after the last. For those who have no `StreamExt` at hand.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<R, JobError>> {
        let next = poll_fn(|cx| self.flight.poll_next(cx)).await;
        next.map(|(_, outcome)| outcome.into_result())
    }
}

impl<I: Iterator, R> ResultsUnordered<I, R> {
    pub(super) fn new(shared: Arc<Shared<I::Item, R>>, jobs: I) -> Self {
        Self { flight: Flight::new(shared, jobs, false) }
    }

    /// The next result and the position of its job, as they come; `None` after the last. For those who have no `StreamExt` at hand.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<(usize, Result<R, JobError>)> {
        let next = poll_fn(|cx| self.flight.poll_next(cx)).await;
        next.map(|(at, outcome)| (at, outcome.into_result()))
    }
}

// Nothing in it is pinned in place.
impl<I: Iterator, R> Unpin for Flight<I, R> {}

impl<I: Iterator, R> Stream for Results<I, R> {
    type Item = Result<R, JobError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.flight.poll_next(cx).map(|next| next.map(|(_, outcome)| outcome.into_result()))
    }
}

impl<I: Iterator, R> Stream for ResultsUnordered<I, R> {
    type Item = (usize, Result<R, JobError>);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.flight.poll_next(cx).map(|next| next.map(|(at, outcome)| (at, outcome.into_result())))
    }
}

impl<I: Iterator, R> fmt::Debug for Flight<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("submitted", &self.submitted).field("open", &self.open).finish_non_exhaustive()
    }
}

impl<I: Iterator, R> fmt::Debug for Results<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Results").field(&self.flight).finish()
    }
}

impl<I: Iterator, R> fmt::Debug for ResultsUnordered<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultsUnordered").field(&self.flight).finish()
    }
}
