//! HTTP and TCP servers as [players](upbeat::Player), with a bounded drain, and the diagnostics endpoints.

mod deadline;
mod diagnostics;
mod http;
mod listen;
mod tcp;
mod text;

pub use self::http::{CutRequest, DrainReport, HttpServer, LastDrain};
#[cfg(feature = "tls")]
pub use self::http::{TlsConfig, TlsError};
pub use diagnostics::Diagnostics;
pub use listen::{Address, IntoListener, ListenError, Peer, Socket};
pub use tcp::TcpServer;
