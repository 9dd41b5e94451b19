//! The jobs of one iterator: submitted ahead of the results that are read.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    iter::Fuse,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use crate::pool::{
    queue::{
        batch::{Completion, JobBatch},
        outcome::JobOutcome,
        permits::Permit,
    },
    worker::shared::{PoolShared, Refusal, RunNumber},
};

/// The number of jobs that share an allocation and an entry of the queue.
const BATCH: usize = 64;

/// The jobs of one iterator, as far as they are submitted.
pub(super) struct InFlight<I: Iterator, R> {
    shared: Arc<PoolShared<I::Item, R>>,
    jobs: Fuse<I>,
    ordered: bool,
    completion: Arc<Completion>,
    batches: VecDeque<InFlightBatch<I::Item, R>>,
    /// The index of the first of the batches.
    first: usize,
    /// The position of the first job of the next batch.
    submitted: usize,
    ready: VecDeque<(usize, JobOutcome<R>)>,
    /// The number of jobs that were submitted and whose results were not read.
    unread: usize,
    permit: Option<Pin<Box<dyn Future<Output = Option<Permit>> + Send + Sync>>>,
    /// No more jobs will be submitted.
    ended: bool,
    /// A job was not accepted.
    refused: bool,
    completed: Vec<usize>,
}

struct InFlightBatch<J, R> {
    batch: Arc<JobBatch<J, R>>,
    run: RunNumber,
    /// The position of its first job.
    begin: usize,
    /// The number of its outcomes that are collected.
    collected: usize,
    jobs: usize,
    /// It has outcomes to collect.
    notified: bool,
}

impl<J, R> InFlightBatch<J, R> {
    fn collect(&mut self, gaps: bool, ready: &mut VecDeque<(usize, JobOutcome<R>)>) {
        self.notified = false;
        let (begin, before) = (self.begin, ready.len());
        let from = if gaps { 0 } else { self.collected };
        self.batch.collect(from, gaps, |at, outcome| ready.push_back((begin + at, outcome)));
        self.collected += ready.len() - before;
    }
}

impl<I: Iterator, R> InFlight<I, R> {
    pub(super) fn new(shared: Arc<PoolShared<I::Item, R>>, jobs: I, ordered: bool) -> Self {
        Self {
            shared,
            jobs: jobs.fuse(),
            ordered,
            completion: Arc::new(Completion::new()),
            batches: VecDeque::new(),
            first: 0,
            submitted: 0,
            ready: VecDeque::new(),
            unread: 0,
            permit: None,
            ended: false,
            refused: false,
            completed: Vec::new(),
        }
    }

    /// Submits while there are jobs and permits, and not too many unread results.
    fn submit(&mut self, cx: &mut TaskContext<'_>) {
        let window = 2 * self.shared.settings.queue_capacity;
        while !self.ended && self.unread < window {
            let permit = if let Some(waiting) = &mut self.permit {
                let Poll::Ready(permit) = waiting.as_mut().poll(cx) else { return };
                self.permit = None;
                permit
            } else {
                match self.shared.reserve(BATCH.min(window - self.unread), self.unread == 0) {
                    Ok(permit) => Some(permit),
                    Err(Refusal::Closed) => None,
                    // The results of its own jobs wake it.
                    Err(Refusal::Full(None)) => return,
                    Err(Refusal::Full(Some(wait))) => {
                        self.permit = Some(Box::pin(wait.acquire()));
                        continue;
                    }
                }
            };
            if let Some(permit) = permit {
                self.submit_batch(permit);
            } else {
                self.ended = true;
                self.refused = self.jobs.next().is_some();
            }
        }
    }

    fn submit_batch(&mut self, permit: Permit) {
        let index = self.first + self.batches.len();
        let max = permit.count();
        // If the iterator panics, the permits are returned.
        let batch = Arc::new(JobBatch::new(self.jobs.by_ref().take(max), index, self.completion.clone()));
        let jobs = batch.len();
        let run = self.shared.push_batch(&batch, permit);
        self.ended |= run.is_none() || jobs < max;
        self.refused |= run.is_none() && jobs > 0;
        if let Some(run) = run
            && jobs > 0
        {
            let begin = self.submitted;
            self.batches.push_back(InFlightBatch { batch, run, begin, collected: 0, jobs, notified: false });
            self.submitted += jobs;
            self.unread += jobs;
        }
    }

    pub(super) fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<(usize, JobOutcome<R>)>> {
        if self.ready.is_empty() {
            self.submit(cx);
            self.collect(cx);
        }
        if let Some(next) = self.ready.pop_front() {
            self.unread -= 1;
            return Poll::Ready(Some(next));
        }
        if !self.ended || !self.batches.is_empty() {
            return Poll::Pending;
        }
        // The last item, and only if there was a job that was not accepted.
        let refused = std::mem::take(&mut self.refused);
        Poll::Ready(refused.then_some((self.submitted, JobOutcome::Refused)))
    }

    /// Collects the outcomes that may be read next.
    fn collect(&mut self, cx: &mut TaskContext<'_>) {
        while self.ready.is_empty() && !self.batches.is_empty() {
            // A batch is locked only after a notification, since its worker needs the lock.
            if !(self.ordered && self.batches[0].notified) {
                self.completion.poll(self.ordered.then_some(self.first), &mut self.completed, cx);
                if self.completed.is_empty() {
                    return;
                }
            }
            for index in self.completed.drain(..) {
                // A batch that was removed may have notified once more.
                if let Some(batch) = index.checked_sub(self.first).and_then(|at| self.batches.get_mut(at)) {
                    batch.notified = true;
                    if !self.ordered {
                        batch.collect(true, &mut self.ready);
                    }
                }
            }
            while self.ordered && self.batches.front().is_some_and(|front| front.notified) {
                self.batches[0].collect(false, &mut self.ready);
                self.remove_collected();
            }
            self.remove_collected();
        }
    }

    fn remove_collected(&mut self) {
        while self.batches.front().is_some_and(|front| front.collected == front.jobs) {
            self.batches.pop_front();
            self.first += 1;
        }
    }
}

impl<I: Iterator, R> Drop for InFlight<I, R> {
    fn drop(&mut self) {
        for InFlightBatch { batch, run, .. } in self.batches.drain(..) {
            let cancelled = batch.abandon();
            if cancelled > 0 {
                self.shared.cancel(run, cancelled);
            }
        }
    }
}

// No field is pinned in place.
impl<I: Iterator, R> Unpin for InFlight<I, R> {}

impl<I: Iterator, R> fmt::Debug for InFlight<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("submitted", &self.submitted)
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}
