//! The standard library, with atomics, channels, a `OnceLock` and threads that are points of
//! shuttle's schedules, and a clock that is part of them.

pub use std::*;

/// As `std::sync`.
pub mod sync {
    pub use std::sync::*;

    pub use shuttle::sync::mpsc;

    pub use crate::once_lock::OnceLock;

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
mod once_lock;
mod scope;
