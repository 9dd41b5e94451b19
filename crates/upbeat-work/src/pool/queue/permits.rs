//! The bound of the queue: one permit for each job that is accepted and has not begun.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Semaphore, TryAcquireError};

/// The permits of one run of the pool.
///
/// A submission takes a permit, and the worker that begins the job returns it. Workers return
/// several at once when they look for jobs. While a submission waits, they return each at once.
pub(crate) struct Permits {
    capacity: usize,
    semaphore: Semaphore,
    /// The number of submissions that wait.
    waiting: AtomicUsize,
    /// The number of permits on their way back: taken under a lock, and returned without it.
    returning: AtomicUsize,
}

impl Permits {
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        let (waiting, returning) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { capacity, semaphore: Semaphore::new(capacity), waiting, returning })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns how many permits have been taken, and neither been returned nor are on their way
    /// back. A permit that is returned meanwhile may be subtracted twice.
    pub(crate) fn in_use(&self) -> usize {
        // In this order, so that a permit on its way back is never counted as in use.
        let returning = self.returning.load(Ordering::Acquire);
        (self.capacity - self.semaphore.available_permits()).saturating_sub(returning)
    }

    /// Takes up to `max` permits without waiting, and returns their number.
    pub(crate) fn try_acquire(&self, max: usize) -> usize {
        loop {
            let count = u32::try_from(self.semaphore.available_permits().min(max)).unwrap_or(u32::MAX);
            if count == 0 {
                return 0;
            }
            match self.semaphore.try_acquire_many(count) {
                Ok(permits) => {
                    permits.forget();
                    return count as usize;
                }
                // A submission that waited has taken some meanwhile.
                Err(TryAcquireError::NoPermits) => {}
                Err(TryAcquireError::Closed) => return 0,
            }
        }
    }

    /// Returns permits. This wakes submissions, so no lock may be held.
    pub(crate) fn release(&self, count: usize) {
        if count > 0 {
            self.semaphore.add_permits(count);
        }
    }

    /// Counts permits as free that [`finish_release`](Permits::finish_release) returns once no lock
    /// is held.
    pub(crate) fn begin_release(&self, count: usize) {
        if count > 0 {
            self.returning.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns permits that are on their way back. This wakes submissions, so no lock may be held.
    pub(crate) fn finish_release(&self, count: usize) {
        if count > 0 {
            self.semaphore.add_permits(count);
            self.returning.fetch_sub(count, Ordering::Release);
        }
    }

    /// Refuses the submissions that wait. This wakes them, so no lock may be held.
    pub(crate) fn close(&self) {
        self.semaphore.close();
    }

    /// Counts a submission that waits, until the returned value is dropped.
    ///
    /// The caller then collects the permits of jobs that have begun. A later job's worker sees the
    /// count, because both hold the lock of that worker's queue. Relaxed atomics suffice therefore.
    pub(crate) fn wait(self: &Arc<Self>) -> PermitWait {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        PermitWait { permits: self.clone() }
    }

    /// Returns whether a submission waits for a permit.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// A submission that waits for a permit.
pub(crate) struct PermitWait {
    permits: Arc<Permits>,
}

impl PermitWait {
    /// Waits for a permit, in the order of the first poll. Returns `None` if the pool closes.
    pub(crate) async fn acquire(self) -> Option<Permit> {
        self.permits.semaphore.acquire().await.ok()?.forget();
        Some(Permit { permits: self.permits.clone(), count: 1 })
    }
}

impl Drop for PermitWait {
    fn drop(&mut self) {
        self.permits.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Permits that a submission holds. Those that it does not use are returned when it is dropped.
pub(crate) struct Permit {
    permits: Arc<Permits>,
    count: usize,
}

impl Permit {
    /// Wraps permits that the caller has taken.
    pub(crate) fn new(permits: Arc<Permits>, count: usize) -> Self {
        Self { permits, count }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns whether these are permits of this run.
    pub(crate) fn is_of(&self, permits: &Arc<Permits>) -> bool {
        Arc::ptr_eq(&self.permits, permits)
    }

    /// Leaves the permits of accepted jobs to the workers.
    pub(crate) fn spend(&mut self, jobs: usize) {
        self.count -= jobs;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.release(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_on_its_way_back_is_neither_in_use_nor_free() {
        let permits = Permits::new(3);
        assert_eq!((permits.try_acquire(2), permits.in_use()), (2, 2));
        permits.begin_release(2);
        assert_eq!(permits.in_use(), 0);
        assert_eq!((permits.try_acquire(3), permits.in_use()), (1, 1));
        permits.finish_release(2);
        assert_eq!((permits.try_acquire(3), permits.in_use()), (2, 3));
    }
}
