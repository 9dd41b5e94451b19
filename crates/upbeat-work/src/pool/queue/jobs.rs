//! The jobs that no worker has taken.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use super::{entry::Entry, permits::Permits};

/// The number of cancelled entries that may remain in the queue beside the live ones.
const MAX_CANCELLED: usize = 64;

/// The accepted jobs that no worker has taken, in the order of acceptance.
pub(crate) struct Jobs<J, R> {
    entries: VecDeque<Entry<J, R>>,
    /// The number of jobs in the entries, cancelled ones included.
    pub(crate) queued: usize,
    pub(crate) permits: Arc<Permits>,
    /// The number of the pool's run, to recognize tickets of earlier runs.
    pub(crate) run: u64,
    pub(crate) accepted: u64,
    pub(crate) cancelled: u64,
    /// Since when jobs have waited while no worker was idle.
    pub(crate) backlog_since: Option<Instant>,
}

impl<J, R> Jobs<J, R> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            queued: 0,
            permits: Permits::new(capacity),
            run: 0,
            accepted: 0,
            cancelled: 0,
            backlog_since: None,
        }
    }

    /// Begins a new run, with all its permits and its own counts.
    pub(crate) fn reset(&mut self) {
        self.permits = Permits::new(self.permits.capacity());
        self.run += 1;
        (self.accepted, self.cancelled) = (0, 0);
    }

    /// Appends jobs whose permits are taken.
    pub(crate) fn push(&mut self, entry: Entry<J, R>) {
        let jobs = entry.len();
        self.accepted += jobs as u64;
        self.entries.push_back(entry);
        self.queued += jobs;
        if self.entries.len() > 2 * self.permits.capacity() + MAX_CANCELLED {
            self.sweep();
        }
    }

    /// Puts jobs back in front of the others.
    pub(crate) fn push_front(&mut self, entry: Entry<J, R>) {
        self.queued += entry.len();
        self.entries.push_front(entry);
    }

    /// Moves about `max` jobs into the queue of a worker. Returns how many were moved.
    pub(crate) fn move_to(&mut self, jobs: &mut VecDeque<Entry<J, R>>, max: usize) -> usize {
        let mut moved = 0;
        while moved < max {
            let Some(front) = self.entries.front_mut() else { break };
            let (count, room) = (front.len(), max - moved);
            // Workers that run parts of the same batch contend for its lock. A few jobs too many
            // are better than a small rest.
            if count < 2 * room {
                jobs.extend(self.entries.pop_front());
                moved += count;
            } else {
                jobs.extend(front.split(room));
                moved += room;
            }
        }
        self.queued -= moved;
        moved
    }

    /// Removes the entries in which all jobs are cancelled.
    pub(crate) fn sweep(&mut self) {
        self.entries.retain(Entry::is_alive);
        self.queued = self.entries.iter().map(Entry::len).sum();
    }

    /// Removes all entries.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Entry<J, R>> {
        self.queued = 0;
        self.backlog_since = None;
        self.entries.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::queue::pending::{PendingJob, Reply};

    #[test]
    fn cancelled_jobs_do_not_accumulate() {
        let mut jobs = Jobs::<u32, u32>::new(4);
        let kept = Arc::new(PendingJob::new(7));
        for number in 0..10_000 {
            let job = if number == 5_000 { kept.clone() } else { Arc::new(PendingJob::new(0)) };
            jobs.push(Entry::One { job: job.clone(), number });
            if number != 5_000 {
                // As a ticket does that is dropped.
                assert!(Reply::abandon(&*job));
            }
            assert!(jobs.entries.len() <= 2 * 4 + MAX_CANCELLED);
        }
        jobs.sweep();
        assert_eq!((jobs.entries.len(), jobs.queued), (1, 1));
    }
}
