//! shuttle-tokio, with a clock, with a budget that is used up, with tokio's channels and semaphore,
//! and with what it lacks otherwise.

pub use shuttle_tokio::*;

pub mod runtime;
pub mod time;

/// Forgets what the last execution left behind in this thread. For the begin of an execution, which
/// then depends on its schedule alone.
pub fn reset() {
    time::reset();
    task::coop::reset();
}

/// As `tokio::sync`.
pub mod sync {
    pub use shuttle_tokio::sync::*;

    pub use self::semaphore::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

    pub mod mpsc;
    mod permits;
    mod semaphore;
    pub mod watch;
}

/// As `tokio::task`.
pub mod task {
    pub use shuttle_tokio::task::*;

    pub mod coop;

    /// As tokio's. All code of an execution runs in a task.
    pub fn try_id() -> Option<Id> {
        Some(id())
    }
}
