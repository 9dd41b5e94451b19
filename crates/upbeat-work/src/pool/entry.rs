//! What lies in the queue and in the hands of workers.

use std::{sync::Arc, task::Waker};

use super::{
    batch::{Batch, PassedOn},
    cell::Cell,
    outcome::Outcome,
};

/// A job, or several of the same batch that follow each other.
pub(super) enum Entry<J, R> {
    One { cell: Arc<Cell<J, R>>, number: u64 },
    Run { batch: Arc<Batch<J, R>>, from: usize, to: usize, number: u64 },
}

/// What an entry becomes when its first job begins.
pub(super) struct Beginning<J, R> {
    /// `None` if it was cancelled.
    pub(super) job: Option<(J, Begun<J, R>)>,
    /// The jobs behind it.
    pub(super) rest: Option<Entry<J, R>>,
}

/// A job that has begun.
pub(super) struct Begun<J, R> {
    reply: Place<J, R>,
    pub(super) number: u64,
}

/// Who is to be told that a job is over. A worker tells when what it has in hand is over or has to wait, so that cheap jobs do not wake
/// somebody each.
pub(super) enum Tell<J, R> {
    Ticket(Waker),
    Stream(Arc<Batch<J, R>>),
}

impl<J, R> Tell<J, R> {
    pub(super) fn tell(self) {
        match self {
            Self::Ticket(waker) => waker.wake(),
            Self::Stream(batch) => batch.tell(),
        }
    }
}

enum Place<J, R> {
    One(Arc<Cell<J, R>>),
    Slot(Arc<Batch<J, R>>, usize),
}

impl<J, R> Entry<J, R> {
    /// How many jobs these are, those that were cancelled included.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Run { from, to, .. } => to - from,
        }
    }

    /// Whether there is a job in it that was not cancelled.
    pub(super) fn is_alive(&self) -> bool {
        match self {
            Self::One { cell, .. } => cell.is_queued(),
            Self::Run { batch, from, to, .. } => batch.is_any_queued(*from..*to),
        }
    }

    /// Takes the first `n` jobs off a run that is longer.
    pub(super) fn split(&mut self, n: usize) -> Option<Self> {
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

    /// Leaves its first job out, which somebody else has begun. Whether there are more.
    pub(super) fn advance(&mut self) -> bool {
        match self {
            Self::One { .. } => false,
            Self::Run { from, to, number, .. } => {
                *from += 1;
                *number += 1;
                from < to
            }
        }
    }

    /// Begins its first job.
    pub(super) fn begin(self) -> Beginning<J, R> {
        match self {
            Self::One { cell, number } => {
                let job = cell.begin();
                Beginning { job: job.map(|job| (job, Begun { reply: Place::One(cell), number })), rest: None }
            }
            Self::Run { batch, from, to, number } => {
                let job = batch.begin(from);
                let rest =
                    (from + 1 < to).then(|| Self::Run { batch: batch.clone(), from: from + 1, to, number: number + 1 });
                Beginning { job: job.map(|job| (job, Begun { reply: Place::Slot(batch, from), number })), rest }
            }
        }
    }
}

impl<J, R> Begun<J, R> {
    /// Whether an entry begins with the job that follows this one in its batch.
    pub(super) fn is_before(&self, entry: &Entry<J, R>) -> bool {
        match (&self.reply, entry) {
            (Place::Slot(batch, slot), Entry::Run { batch: next, from, .. }) => {
                slot + 1 == *from && Arc::ptr_eq(batch, next)
            }
            _ => false,
        }
    }

    /// Ends this job and begins the one that [follows](Begun::is_before) in its batch, in whose stead it is from then on.
    pub(super) fn pass_on(&mut self, outcome: Outcome<R>) -> (PassedOn<J, R>, Option<Tell<J, R>>) {
        match &mut self.reply {
            Place::Slot(batch, slot) => {
                let passed = batch.pass_on(*slot, outcome);
                *slot += 1;
                self.number += 1;
                let tell = passed.tell.then(|| Tell::Stream(batch.clone()));
                (passed, tell)
            }
            Place::One(_) => (PassedOn { next: None, unwanted: Some(outcome), tell: false }, None),
        }
    }

    /// Says what became of it, and returns who is to be told. What came first stands.
    #[must_use]
    pub(super) fn finish(self, outcome: Outcome<R>) -> Option<Tell<J, R>> {
        match self.reply {
            Place::One(cell) => cell.finish(outcome).map(Tell::Ticket),
            Place::Slot(batch, slot) => batch.finish(slot, outcome).then_some(Tell::Stream(batch)),
        }
    }
}
