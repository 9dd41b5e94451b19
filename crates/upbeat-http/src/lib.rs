//! HTTP and TCP servers as [players](upbeat::Player), with a drain in which every connection has a bound, and the diagnostics endpoints.
//!
//! ```
//! use axum::{Router, routing::get};
//! use upbeat::{Conductor, Part};
//! use upbeat_http::{Diagnostics, HttpServer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let app = Router::new().route("/hello", get(async || "Hello world."));
//! let web = HttpServer::bind("127.0.0.1:0", app);
//! let address = web.address();
//!
//! let shop = Conductor::new("shop")
//!     .part(Part::new("diagnostics", Diagnostics::bind("127.0.0.1:0").version("1.2.3")).first_and_last())
//!     .player("web", web);
//! # let enough = async { address.wait().await; };
//! // In a `main` this would be `play_until_signal()`.
//! let report = shop.play_until(enough).await;
//! # assert!(report.is_clean(), "{report}");
//! # }
//! ```
//!
//! - [`HttpServer`]: HTTP/1 and HTTP/2 for an `axum::Router` or any other tower service, with TLS as an option.
//! - [`TcpServer`]: one task for each connection.
//! - [`JsonLines`]: a stream as lines of JSON, with errors among them; [`JsonEntries`] reads them.
//! - [`Problem`]: errors as clients get them, and what they do not get.
//! - [`Diagnostics`]: `/livez`, `/readyz`, `/startupz`, `/ready` and `/players` for a whole tree of players.
//!
//! # What a stop does to a connection
//!
//! | the client, at the stop | what becomes of it |
//! |---|---|
//! | is idle on a connection, or has connected and sent nothing | closed once it has been quiet for the first byte grace: at once, for most |
//! | has sent a part of an HTTP/2 preface | closed at once |
//! | has sent a part of a request head, or an HTTP/2 preface and no settings | has the header timeout to go on |
//! | is idle on HTTP/2 | gets GOAWAY, and is closed within a second whether it helps or not |
//! | has a request in flight | gets its answer, marked `connection: close` on HTTP/1 |
//! | stalls in its upload, does not read, or keeps a stream open | goes on if it can, and is cut and named at the drain deadline |
//! | speaks WebSocket | is told by a close frame (1001), waited for, and cut and named at the drain deadline |
//! | is connected in that very instant | is served if the kernel had taken its connection, and refused otherwise |
//!
//! # Features
//!
//! - `anyhow`: `anyhow::Error` turns into a [`Problem`].
//! - `limit`: `RateLimitLayer` and `ConcurrencyLimitLayer`, for all requests and for each key.
//! - `tls`: HTTPS by rustls, `HttpServer::tls`.
//!
//! Unix only, as `upbeat` itself.

mod deadline;
mod diagnostics;
mod http;
mod json_lines;
#[cfg(feature = "limit")]
mod limit;
mod listen;
mod problem;
mod tcp;
mod text;

pub use self::http::{ClientGone, CutRequest, DrainReport, HttpServer, LastDrain, RequestId};
#[cfg(feature = "tls")]
pub use self::http::{TlsConfig, TlsError};
pub use diagnostics::Diagnostics;
pub use json_lines::{EntryError, JsonEntries, JsonLines};
#[cfg(feature = "limit")]
pub use limit::{ConcurrencyLimitLayer, ConcurrencyLimited, RateLimitLayer, RateLimited, RequestKey};
pub use listen::{Address, IntoListener, ListenError, Peer, Socket};
pub use problem::Problem;
pub use tcp::TcpServer;
