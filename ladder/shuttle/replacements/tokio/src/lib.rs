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

    /// As tokio's outside of a task. Shuttle reserves no task for a worker, so no task has to leave
    /// a reserved slot.
    pub fn try_id() -> Option<Id> {
        None
    }
}
