//! shuttle-tokio, with a clock, with a budget that is used up, with tokio's bounded channel, and with what it lacks otherwise.

pub use shuttle_tokio::*;

pub mod runtime;
pub mod time;

/// As `tokio::sync`.
pub mod sync {
    pub use shuttle_tokio::sync::*;

    pub mod mpsc;
    pub mod watch;
}

/// As `tokio::task`.
pub mod task {
    pub use shuttle_tokio::task::*;

    pub mod coop;
}
