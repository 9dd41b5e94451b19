//! The HTTP server.
//!
//! The folders from bottom to top; each imports only those before it:
//!
//! - `request`: the id, the context and the state of one request;
//! - `connection`: the state of one connection, and the registry of all;
//! - `service`: the user's service as an engine calls it;
//! - `transport`: the byte stream of a connection;
//! - `tls`: HTTPS;
//! - `driver`: the task of a connection;
//! - `drain`: the drain and its report;
//! - `server`: the player.

mod config;
mod connection;
mod drain;
mod driver;
mod request;
mod server;
mod service;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use drain::{DrainReport, DrainReportHandle};
pub use request::{ClientGone, CutRequest, RequestId};
pub use server::HttpServer;
pub use service::HttpService;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsError};
