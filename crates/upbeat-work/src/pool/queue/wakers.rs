//! The tasks to be woken by a change of the queue.

use std::{sync::Arc, task::Waker};

use super::permits::Permits;

/// The tasks to be woken once the pool's lock is released.
///
/// A waker is foreign code, which may use the pool. It must not run under the lock.
#[derive(Default)]
#[must_use]
pub(crate) struct Wakers {
    pub(crate) worker: Option<Waker>,
    pub(crate) others: Vec<Waker>,
    /// Jobs have begun to wait while no worker is idle.
    pub(crate) backlog: bool,
    /// Permits to return, which wakes submissions.
    released: Option<(Arc<Permits>, usize)>,
    /// Permits to close, which wakes submissions.
    closed: Option<Arc<Permits>>,
}

impl Wakers {
    /// Returns permits once the lock is released. All permits of one change are of the same run.
    pub(crate) fn release(&mut self, permits: &Arc<Permits>, count: usize) {
        if count > 0 {
            permits.begin_release(count);
            self.released.get_or_insert_with(|| (permits.clone(), 0)).1 += count;
        }
    }

    /// Refuses the submissions that wait, once the lock is released.
    pub(crate) fn close(&mut self, permits: &Arc<Permits>) {
        self.closed = Some(permits.clone());
    }

    pub(crate) fn wake(self) {
        if let Some(closed) = self.closed {
            closed.close();
        }
        if let Some((permits, count)) = self.released {
            permits.finish_release(count);
        }
        self.worker.into_iter().chain(self.others).for_each(Waker::wake);
    }
}
