//! Listening: addresses, sockets, and the accept loop.

mod accept;
mod address;
mod descriptors;
mod endpoint;
mod error;
mod listener;
mod peer;
mod socket;
mod socket_file;

pub(crate) use accept::{Accepted, accept, sweep};
pub use address::Address;
pub(crate) use descriptors::Descriptors;
pub(crate) use endpoint::Endpoint;
pub use endpoint::IntoListener;
pub use error::ListenError;
pub(crate) use listener::Listener;
pub use peer::Peer;
pub(crate) use socket::KEEP_ALIVE_INTERVAL;
pub use socket::Socket;
