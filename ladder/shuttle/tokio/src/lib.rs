//! shuttle-tokio, with a clock, and with what it lacks of tokio's channels.

pub use shuttle_tokio::*;

pub mod time;

/// As `tokio::sync`.
pub mod sync {
    pub use shuttle_tokio::sync::*;

    pub mod mpsc;
    pub mod watch;
}
