//! HTTP and TCP servers as [players](upbeat::Player) with a bounded drain, and the diagnostics
//! endpoints.
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
//! # let stop = async { address.wait().await; };
//! // A `main` uses `play_until_signal()`.
//! let report = shop.play_until(stop).await;
//! # assert!(report.is_clean(), "{report}");
//! # }
//! ```
//!
//! - [`HttpServer`]: HTTP/1 and HTTP/2 for an `axum::Router` or any other tower service, with TLS
//!   as an option.
//! - [`TcpServer`]: one task per connection.
//! - [`SameOrigin`]: the check against pages of other sites.
//! - [`JsonLines`]: a stream of results as lines of JSON. [`JsonEntries`] reads it.
//! - [`Problem`]: error responses of RFC 9457 with a source for the log.
//! - [`Diagnostics`]: `/livez`, `/readyz`, `/startupz`, `/ready`, `/players` and `/dump` for a tree
//!   of players.
//!
//! # The effect of a stop on a connection
//!
//! | the client at the stop | the effect |
//! |---|---|
//! | is idle, or has connected and sent nothing | closed after the first byte timeout, for most at once |
//! | has sent a part of an HTTP/2 preface | closed at once |
//! | has sent a part of a request head, or an HTTP/2 preface and no settings | may continue until the header timeout |
//! | is idle on HTTP/2 | gets GOAWAY, and is closed within a second |
//! | has a request in flight | gets its response, with `connection: close` on HTTP/1 |
//! | stalls in its upload, does not read, or keeps a stream open | continues until the drain deadline, then cut and reported |
//! | uses WebSocket | gets a close frame (1001), and is cut and reported at the drain deadline |
//! | connects at this very instant | served if the kernel had accepted the connection, otherwise refused |
//!
//! [`HttpServer`] lists the bound of each phase of a connection, without a stop, too.
//!
//! # Log events
//!
//! The events have the [`targets`] listed there. See also the [stall
//! timeout](HttpServer::stall_timeout).
//!
//! # Features
//!
//! - `anyhow`: converts `anyhow::Error` to a [`Problem`].
//! - `limit`: `RateLimitLayer` and `ConcurrencyLimitLayer`, for all requests or per key.
//! - `tls`: HTTPS by rustls, `HttpServer::tls`.
//!
//! Unix only, like `upbeat` itself.

mod count;
mod deadline;
mod diagnostics;
mod forward_io;
mod host;
mod http;
mod json_lines;
#[cfg(feature = "limit")]
mod limit;
mod listen;
mod origin;
mod problem;
pub mod targets;
mod tcp;

pub use self::http::{ClientGone, CutRequest, DrainReport, DrainReportHandle, HttpServer, HttpService, RequestId};
#[cfg(feature = "tls")]
pub use self::http::{TlsConfig, TlsError};
pub use diagnostics::Diagnostics;
pub use json_lines::{EntryError, JsonEntries, JsonLines};
#[cfg(feature = "limit")]
pub use limit::{ConcurrencyLimitLayer, ConcurrencyLimited, RateLimitLayer, RateLimited, RequestKey};
pub use listen::{Address, IntoListener, ListenError, Peer, Socket};
pub use origin::SameOrigin;
pub use problem::Problem;
pub use tcp::TcpServer;
