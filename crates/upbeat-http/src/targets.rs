//! The targets of this crate's log events, for filters.
//!
//! They are stable: a renamed module does not change them. All begin with `upbeat_http::`, so that
//! the filter directive `upbeat_http=debug` matches every event.
//!
//! | target | level | events | fields |
//! |---|---|---|---|
//! | [`SERVER`] | info | listening, drained | |
//! | [`ACCEPT`] | warn, debug | accept failed or only the reserve of descriptors left (at most every 10 s), queue not emptied, socket filter refused | `error` |
//! | [`ACCEPT`] | warn | fewer file descriptors are left than `max_connections` | `server`, `max_connections`, `left` |
//! | [`CONNECTION`] | debug | head, body or transfer timed out, stream reset, ended with an error, TLS handshake failed | `peer`, `error` |
//! | [`CONNECTION`] | warn, error | handler of a [`TcpServer`](crate::TcpServer) failed, panicked | `peer`, `error`, `panic` |
//! | [`REQUEST`] | info | the span `request` of a handler | `id`, `method`, `path` |
//! | [`REQUEST`] | warn, error | service failed, handler panicked or timed out, body failed or panicked | `method`, `path`, `error`, `panic` |
//! | [`STALL`] | warn | request exceeds [`stall_timeout`](crate::HttpServer::stall_timeout) | `id`, `method`, `path` |
//! | [`PROBLEM`] | error, debug | a [`Problem`](crate::Problem), also one of the server in place of its service | `status`, `code`, `error` |

/// The start and the drain of servers.
pub const SERVER: &str = "upbeat_http::server";

/// Errors of the accept loop.
pub const ACCEPT: &str = "upbeat_http::accept";

/// Errors and timeouts of connections.
pub const CONNECTION: &str = "upbeat_http::connection";

/// The span of a request, and failed requests.
pub const REQUEST: &str = "upbeat_http::request";

/// Requests that exceed the stall timeout.
pub const STALL: &str = "upbeat_http::stall";

/// Problems, with the source that the client does not get.
pub const PROBLEM: &str = "upbeat_http::problem";
