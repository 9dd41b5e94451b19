//! Broadcasts of each message to all receivers: see [`Hub`].

mod error;
mod handle;
mod play;
mod receiver;
mod shared;

pub use error::{HubClosed, HubCounts, RecvError, Sent};
pub use handle::Hub;
pub use receiver::Receiver;
