//! Jobs as they lie in the queue and in the queues of workers.

use std::{sync::Arc, task::Waker};

use super::{
    batch::{JobBatch, PassedOn},
    outcome::JobOutcome,
    pending::PendingJob,
};

/// One job, or several adjacent jobs of the same batch.
pub(crate) enum Entry<J, R> {
    One { job: Arc<PendingJob<J, R>>, number: u64 },
    Run { batch: Arc<JobBatch<J, R>>, from: usize, to: usize, number: u64 },
}

/// The result of beginning the first job of an entry.
pub(crate) struct Beginning<J, R> {
    /// The job. `None` if it was cancelled.
    pub(crate) job: Option<(J, BegunJob<J, R>)>,
    /// The jobs behind it.
    pub(crate) rest: Option<Entry<J, R>>,
}

/// A job that has begun, without the job itself.
pub(crate) struct BegunJob<J, R> {
    reply: ReplySlot<J, R>,
    pub(crate) number: u64,
}

/// The receiver of an outcome, to be woken.
///
/// A worker wakes receivers when it runs out of jobs or has to wait, so that cheap jobs do not
/// wake a task each.
pub(crate) enum Notification<J, R> {
    Ticket(Waker),
    Stream(Arc<JobBatch<J, R>>),
}

impl<J, R> Notification<J, R> {
    pub(crate) fn send(self) {
        match self {
            Self::Ticket(waker) => waker.wake(),
            Self::Stream(batch) => batch.notify(),
        }
    }
}

enum ReplySlot<J, R> {
    One(Arc<PendingJob<J, R>>),
    Batch(Arc<JobBatch<J, R>>, usize),
}

impl<J, R> Entry<J, R> {
    /// Returns the number of jobs, cancelled ones included.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Run { from, to, .. } => to - from,
        }
    }

    /// Returns whether a job in it is not cancelled.
    pub(crate) fn is_alive(&self) -> bool {
        match self {
            Self::One { job, .. } => job.is_queued(),
            Self::Run { batch, from, to, .. } => batch.is_any_queued(*from..*to),
        }
    }

    /// Splits off the first `n` jobs of a longer run.
    pub(crate) fn split(&mut self, n: usize) -> Option<Self> {
        match self {
            Self::One { .. } => None,
            Self::Run { batch, from, number, .. } => {
                let first = Self::Run { batch: batch.clone(), from: *from, to: *from + n, number: *number };
                *from += n;
                *number += n as u64;
                Some(first)
            }
        }
    }

    /// Skips the first job, which has begun elsewhere. Returns whether there are more.
    pub(crate) fn advance(&mut self) -> bool {
        match self {
            Self::One { .. } => false,
            Self::Run { from, to, number, .. } => {
                *from += 1;
                *number += 1;
                from < to
            }
        }
    }

    /// Begins the first job.
    pub(crate) fn begin(self) -> Beginning<J, R> {
        match self {
            Self::One { job: pending, number } => {
                let job = pending.begin();
                let begun = |job| (job, BegunJob { reply: ReplySlot::One(pending), number });
                Beginning { job: job.map(begun), rest: None }
            }
            Self::Run { batch, from, to, number } => {
                let job = batch.begin(from);
                let rest =
                    (from + 1 < to).then(|| Self::Run { batch: batch.clone(), from: from + 1, to, number: number + 1 });
                let begun = |job| (job, BegunJob { reply: ReplySlot::Batch(batch, from), number });
                Beginning { job: job.map(begun), rest }
            }
        }
    }
}

impl<J, R> BegunJob<J, R> {
    /// Returns whether the entry begins with the job that follows this one in its batch.
    pub(crate) fn is_before(&self, entry: &Entry<J, R>) -> bool {
        match (&self.reply, entry) {
            (ReplySlot::Batch(batch, slot), Entry::Run { batch: next, from, .. }) => {
                slot + 1 == *from && Arc::ptr_eq(batch, next)
            }
            _ => false,
        }
    }

    /// Ends this job, begins the one that [follows](BegunJob::is_before) in its batch, and becomes
    /// that one.
    pub(crate) fn pass_on(&mut self, outcome: JobOutcome<R>) -> (PassedOn<J, R>, Option<Notification<J, R>>) {
        match &mut self.reply {
            ReplySlot::Batch(batch, slot) => {
                let passed = batch.pass_on(*slot, outcome);
                *slot += 1;
                self.number += 1;
                let notification = passed.notify.then(|| Notification::Stream(batch.clone()));
                (passed, notification)
            }
            ReplySlot::One(_) => (PassedOn { next: None, unwanted: Some(outcome), notify: false }, None),
        }
    }

    /// Keeps the outcome, unless there is one already. Returns the receiver to be woken.
    #[must_use]
    pub(crate) fn finish(self, outcome: JobOutcome<R>) -> Option<Notification<J, R>> {
        match self.reply {
            ReplySlot::One(job) => job.finish(outcome).map(Notification::Ticket),
            ReplySlot::Batch(batch, slot) => batch.finish(slot, outcome).then_some(Notification::Stream(batch)),
        }
    }
}
