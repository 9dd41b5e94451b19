use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use shuttle::sync::{Mutex, MutexGuard};
use shuttle_tokio::sync::TryAcquireError;

/// The counting semaphore behind `Semaphore` and the channels, with the order and the edge cases of
/// tokio's. The first waiter collects permits as they come. A waiter that is polled after the
/// semaphore was closed returns the permits that it was given before.
pub(super) struct Permits(Mutex<State>);

struct State {
    /// None as long as a waiter lacks some.
    available: usize,
    is_closed: bool,
    waiters: VecDeque<Arc<Waiter>>,
}

struct Waiter {
    /// The number of permits it lacks. Changed under the lock of the state.
    missing: AtomicUsize,
    waker: std::sync::Mutex<Waker>,
}

impl Waiter {
    fn set(&self, waker: &Waker) {
        self.waker.lock().expect("no panic while it is locked").clone_from(waker);
    }

    fn wake(&self) {
        let waker = self.waker.lock().expect("no panic while it is locked").clone();
        waker.wake();
    }
}

impl Permits {
    pub(super) fn new(available: usize) -> Self {
        Self(Mutex::new(State { available, is_closed: false, waiters: VecDeque::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while it is locked")
    }

    pub(super) fn acquire(&self, wanted: usize) -> Acquire<'_> {
        Acquire { permits: self, wanted, waiter: None }
    }

    pub(super) fn try_acquire(&self, wanted: usize) -> Result<(), TryAcquireError> {
        let mut state = self.state();
        if state.is_closed {
            return Err(TryAcquireError::Closed);
        }
        state.available = state.available.checked_sub(wanted).ok_or(TryAcquireError::NoPermits)?;
        Ok(())
    }

    pub(super) fn release(&self, permits: usize) {
        give(self.state(), permits);
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            waiter.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    pub(super) fn available(&self) -> usize {
        self.state().available
    }

    /// It is closed, and all of its `max` permits are returned.
    pub(super) fn is_closed_and_idle(&self, max: usize) -> bool {
        let state = self.state();
        state.is_closed && state.available == max
    }
}

/// Gives permits to those that wait, in their order, and keeps the rest.
fn give(mut state: MutexGuard<'_, State>, mut permits: usize) {
    let mut served = Vec::new();
    while let Some(first) = state.waiters.front() {
        let missing = first.missing.load(SeqCst);
        let some = missing.min(permits);
        first.missing.store(missing - some, SeqCst);
        permits -= some;
        if some < missing {
            break;
        }
        served.extend(state.waiters.pop_front());
    }
    state.available += permits;
    drop(state);
    for waiter in served {
        waiter.wake();
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits").finish_non_exhaustive()
    }
}

/// Waits for permits. Dropped before it is ready, it returns those that it has.
pub(super) struct Acquire<'a> {
    permits: &'a Permits,
    wanted: usize,
    /// From the first poll that was not ready until one that is.
    waiter: Option<Arc<Waiter>>,
}

impl Future for Acquire<'_> {
    /// An error if the semaphore is closed.
    type Output = Result<(), ()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.permits.state();
        if state.is_closed {
            return Poll::Ready(Err(()));
        }
        if let Some(waiter) = &self.waiter {
            if waiter.missing.load(SeqCst) > 0 {
                waiter.set(cx.waker());
                return Poll::Pending;
            }
            drop(state);
            self.waiter = None;
            return Poll::Ready(Ok(()));
        }
        let missing = self.wanted.saturating_sub(state.available);
        state.available -= self.wanted - missing;
        if missing == 0 {
            return Poll::Ready(Ok(()));
        }
        let waiter = Waiter { missing: AtomicUsize::new(missing), waker: std::sync::Mutex::new(cx.waker().clone()) };
        let waiter = Arc::new(waiter);
        state.waiters.push_back(waiter.clone());
        drop(state);
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(waiter) = self.waiter.take() else { return };
        let mut state = self.permits.state();
        state.waiters.retain(|other| !Arc::ptr_eq(other, &waiter));
        give(state, self.wanted - waiter.missing.load(SeqCst));
    }
}
