//! shuttle-parking_lot, with the condition variable that it lacks.

use std::time::Duration;

use shuttle::{
    rand::{Rng as _, thread_rng},
    sync, thread,
};
pub use shuttle_parking_lot::*;

/// As `parking_lot`'s: no waiter is woken without a cause. Which of those that wait is woken by a
/// [`notify_one`](Condvar::notify_one) is the schedule's choice.
#[derive(Debug, Default)]
pub struct Condvar {
    /// Held by a waiter from before it releases its own lock until it waits, and by a notifier. So
    /// no notification falls in between.
    gate: sync::Mutex<()>,
    waiting: sync::Condvar,
}

impl Condvar {
    /// Creates a condition variable without waiters.
    pub const fn new() -> Self {
        Self { gate: sync::Mutex::new(()), waiting: sync::Condvar::new() }
    }

    /// As `parking_lot`'s.
    ///
    /// # Panics
    ///
    /// If another thread has panicked in this module, which cannot happen.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let gate = self.gate.lock().expect("no code panics under this lock");
        MutexGuard::unlocked(guard, || drop(self.waiting.wait(gate)));
    }

    /// As `parking_lot`'s, for a time that passes soon. A notification is never its end.
    pub fn wait_for<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) -> WaitTimeoutResult {
        MutexGuard::unlocked(guard, || (0..=thread_rng().gen_range(0..3)).for_each(|_| thread::yield_now()));
        WaitTimeoutResult(())
    }

    /// As `parking_lot`'s, but for its result.
    ///
    /// # Panics
    ///
    /// If another thread has panicked in this module, which cannot happen.
    pub fn notify_one(&self) {
        let _gate = self.gate.lock().expect("no code panics under this lock");
        self.waiting.notify_one();
    }

    /// As `parking_lot`'s, but for its result.
    ///
    /// # Panics
    ///
    /// If another thread has panicked in this module, which cannot happen.
    pub fn notify_all(&self) {
        let _gate = self.gate.lock().expect("no code panics under this lock");
        self.waiting.notify_all();
    }
}

/// As `parking_lot`'s.
#[derive(Clone, Copy, Debug)]
pub struct WaitTimeoutResult(());

impl WaitTimeoutResult {
    /// As `parking_lot`'s.
    pub fn timed_out(&self) -> bool {
        true
    }
}
