//! shuttle-parking_lot, with the condition variable that it lacks.

use shuttle::sync;
pub use shuttle_parking_lot::*;

/// As `parking_lot`'s: nobody is woken without a cause. Which of those that wait is woken by a
/// [`notify_one`](Condvar::notify_one) is the schedule's choice.
#[derive(Debug, Default)]
pub struct Condvar {
    /// Held from before a waiter gives its own lock up until it waits, and by who notifies: so no notification falls in between.
    gate: sync::Mutex<()>,
    waiting: sync::Condvar,
}

impl Condvar {
    /// Nobody waits for it.
    pub const fn new() -> Self {
        Self { gate: sync::Mutex::new(()), waiting: sync::Condvar::new() }
    }

    /// As `parking_lot`'s.
    ///
    /// # Panics
    ///
    /// When somebody has panicked in here, which nobody can.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        let gate = self.gate.lock().expect("nobody panics in here");
        MutexGuard::unlocked(guard, || drop(self.waiting.wait(gate)));
    }

    /// As `parking_lot`'s, but for its result.
    ///
    /// # Panics
    ///
    /// When somebody has panicked in here, which nobody can.
    pub fn notify_one(&self) {
        let _gate = self.gate.lock().expect("nobody panics in here");
        self.waiting.notify_one();
    }

    /// As `parking_lot`'s, but for its result.
    ///
    /// # Panics
    ///
    /// When somebody has panicked in here, which nobody can.
    pub fn notify_all(&self) {
        let _gate = self.gate.lock().expect("nobody panics in here");
        self.waiting.notify_all();
    }
}
