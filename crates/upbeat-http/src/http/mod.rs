//! The HTTP server: the player, its connections, and its drain.

mod activity;
mod answer;
mod app;
mod config;
mod conn;
mod drain;
mod driver;
mod player;
mod preface;
mod registry;
mod request;
mod request_id;
mod run;
mod service;
mod stage;
mod stall;
#[cfg(feature = "tls")]
mod tls;
mod websocket;
mod wire;

pub use drain::{CutRequest, DrainReport, LastDrain};
pub use player::HttpServer;
pub use request::ClientGone;
pub use request_id::RequestId;
#[cfg(feature = "tls")]
pub use tls::{TlsConfig, TlsError};
