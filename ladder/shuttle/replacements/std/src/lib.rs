//! The standard library, with atomics, channels, a `OnceLock` and threads that are points of
//! shuttle's schedules, a clock that is part of them, and a `LazyLock` for each execution.

pub use std::*;

/// As `std::thread_local`, for each of shuttle's threads.
pub use shuttle::thread_local;

/// Forgets the statics of the last execution of this thread.
pub fn reset() {
    lazy_lock::reset();
}

/// As `std::sync`.
pub mod sync {
    pub use std::sync::*;

    pub use shuttle::sync::mpsc;

    pub use crate::{lazy_lock::LazyLock, once_lock::OnceLock};

    /// Shuttle's: sequentially consistent whatever ordering is asked for, so what a weaker ordering
    /// allows is not seen.
    pub mod atomic {
        pub use shuttle::sync::atomic::*;
    }
}

/// As `std::thread`.
pub mod thread {
    pub use std::thread::*;

    pub use shuttle::thread::{JoinHandle, Scope, ScopedJoinHandle, spawn};

    pub use crate::{builder::Builder, scope::scope};
}

/// As `std::time`.
pub mod time {
    pub use std::time::*;

    pub use crate::instant::Instant;
}

mod builder;
mod instant;
mod lazy_lock;
mod once_lock;
mod scope;
