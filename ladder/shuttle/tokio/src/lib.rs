//! shuttle-tokio, with a clock, with a budget that is used up, and with what it lacks of tokio's channels.

pub use shuttle_tokio::*;

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
