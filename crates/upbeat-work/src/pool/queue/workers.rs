//! The workers of a pool.

use std::{sync::Arc, task::Waker};

use super::{
    entry::Entry,
    local::{JobTally, LocalQueue, LocalState},
    permits::Permits,
};

/// The workers of a pool.
pub(crate) struct Workers<J, R> {
    pub(crate) list: Vec<Arc<LocalQueue<J, R>>>,
    /// The number of workers that run jobs without waiting. They look for jobs again soon.
    active: usize,
    pub(crate) idle: Idle,
    /// The number of workers that have built their first state.
    pub(crate) built: usize,
    next_number: usize,
    next_id: u64,
    /// The numbers of workers that have left.
    left: JobTally,
}

/// The idle workers, and the decision to wake one.
pub(crate) struct Idle {
    /// The workers by identity. The last one became idle last.
    stack: Vec<(u64, Waker)>,
    /// A worker was woken and has not looked for jobs since.
    waking: bool,
    /// The number of jobs that a worker takes at once.
    batch: usize,
    /// The number of queued jobs at which the next worker is woken while others are active.
    wake_at: usize,
}

impl<J, R> Workers<J, R> {
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::new(),
            active: 0,
            idle: Idle { stack: Vec::new(), waking: false, batch: 1, wake_at: 1 },
            built: 0,
            next_number: 0,
            next_id: 0,
            left: JobTally::default(),
        }
    }

    /// Begins a new run: workers are numbered from zero, and their counts begin with zero.
    pub(crate) fn reset(&mut self) {
        self.next_number = 0;
        self.left = JobTally::default();
    }

    pub(crate) fn add(&mut self, permits: Arc<Permits>) -> Arc<LocalQueue<J, R>> {
        let local = Arc::new(LocalQueue::new(self.next_id, self.next_number, permits));
        self.next_number += 1;
        self.next_id += 1;
        self.list.push(local.clone());
        local
    }

    /// Removes a worker. Returns `false` if it was removed before.
    pub(crate) fn remove(&mut self, local: &LocalQueue<J, R>) -> bool {
        let before = self.list.len();
        self.idle.remove(local.id);
        self.list.retain(|other| other.id != local.id);
        let removed = self.list.len() < before;
        if removed {
            self.detach(&mut local.state.lock());
        }
        removed
    }

    /// Removes all workers. The caller [detaches](Workers::detach) each.
    pub(crate) fn take(&mut self) -> Vec<Arc<LocalQueue<J, R>>> {
        std::mem::take(&mut self.list)
    }

    /// Keeps the numbers of a worker that is removed.
    pub(crate) fn detach(&mut self, state: &mut LocalState<J, R>) {
        self.left.add(state.tally);
        self.set_active(state, false);
    }

    /// Records whether a worker runs jobs without waiting.
    pub(crate) fn set_active(&mut self, state: &mut LocalState<J, R>, active: bool) {
        if std::mem::replace(&mut state.active, active) != active {
            if active {
                self.active += 1;
            } else {
                self.active -= 1;
            }
        }
    }

    /// Returns an idle worker that is to be woken for the queued jobs, if there is one.
    pub(crate) fn wake(&mut self, queued: usize) -> Option<Waker> {
        self.idle.wake(queued, self.active)
    }

    /// Takes the last jobs that another worker has taken and not begun.
    ///
    /// The thief's own state is locked. Two of these locks are held only under the pool's lock.
    pub(crate) fn steal(&self, thief: &LocalQueue<J, R>) -> Option<Entry<J, R>> {
        if self.active < 2 {
            // A worker that is not active has no jobs to steal.
            return None;
        }
        self.list.iter().filter(|other| other.id != thief.id).find_map(|other| {
            let mut theirs = other.state.lock();
            let mut last = theirs.jobs.pop_back()?;
            let half = last.len() / 2;
            if half > 0 {
                theirs.jobs.extend(last.split(half));
            }
            Some(last)
        })
    }

    /// Returns the number of jobs that have begun and whose permits were not returned.
    pub(crate) fn begun(&self) -> usize {
        self.list.iter().map(|worker| worker.state.lock().begun).sum()
    }

    /// Collects the permits of jobs that have begun. The caller returns them.
    pub(crate) fn take_begun(&self) -> usize {
        self.list.iter().map(|worker| std::mem::take(&mut worker.state.lock().begun)).sum()
    }

    /// Returns the numbers of jobs that ended, on workers that are there or have left.
    pub(crate) fn tally(&self) -> JobTally {
        let mut tally = self.left;
        for worker in &self.list {
            tally.add(worker.state.lock().tally);
        }
        tally
    }
}

impl Idle {
    pub(crate) fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    pub(crate) fn is_waking(&self) -> bool {
        self.waking
    }

    /// Notes that a worker looks for jobs, and takes up to `batch`.
    pub(crate) fn looked(&mut self, batch: usize) {
        (self.waking, self.batch, self.wake_at) = (false, batch, batch);
    }

    /// Registers an idle worker, or replaces its waker.
    pub(crate) fn insert(&mut self, worker: u64, waker: &Waker) {
        match self.stack.iter_mut().find(|(id, _)| *id == worker) {
            Some((_, known)) => known.clone_from(waker),
            None => self.stack.push((worker, waker.clone())),
        }
    }

    /// Removes a worker, which may be the one that was woken.
    pub(crate) fn remove(&mut self, worker: u64) {
        self.waking = false;
        self.forget(worker);
    }

    /// Removes a worker that looks for jobs again.
    pub(crate) fn forget(&mut self, worker: u64) {
        self.stack.retain(|(id, _)| *id != worker);
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Waker> {
        self.stack.drain(..).map(|(_, waker)| waker)
    }

    /// Decides whether to wake a worker.
    ///
    /// While another one is active, that needs as many jobs as a worker takes at once: to wake a
    /// worker for a few cheap jobs takes longer than the jobs do. For expensive jobs that is one.
    fn wake(&mut self, queued: usize, active: usize) -> Option<Waker> {
        if queued >= self.wake_at || active == 0 && !self.waking {
            self.waking = true;
            self.wake_at = queued + self.batch;
            // The one that became idle last: its caches are warm, and the others may reach their
            // idle timeout.
            return self.stack.pop().map(|(_, waker)| waker);
        }
        None
    }
}
