use std::sync;

use shuttle::sync::atomic::{AtomicBool, Ordering};

/// The standard cell, with a switch of tasks before each read and each write.
#[derive(Debug)]
pub struct OnceLock<T> {
    cell: sync::OnceLock<T>,
    /// Its value means nothing: shuttle may switch tasks where it is read.
    point: AtomicBool,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceLock<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { cell: sync::OnceLock::new(), point: AtomicBool::new(false) }
    }

    /// As the standard one's.
    pub fn get(&self) -> Option<&T> {
        self.may_switch();
        self.cell.get()
    }

    /// As the standard one's.
    ///
    /// # Errors
    ///
    /// Gives `value` back if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        self.may_switch();
        self.cell.set(value)
    }

    /// As the standard one's. `make` must not switch tasks: the others share its thread, and would
    /// wait for ever.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.may_switch();
        self.cell.get_or_init(make)
    }

    fn may_switch(&self) {
        self.point.load(Ordering::SeqCst);
    }
}
