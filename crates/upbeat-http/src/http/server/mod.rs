//! The HTTP server as a player, and its runs.

mod run;
mod stall;

use std::{fmt, path::PathBuf, time::Duration};

use http::Request;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tower::Service;
use upbeat::{Context, Player, score::Readiness};

use self::run::ServerRun;
#[cfg(feature = "tls")]
use super::tls::TlsConfig;
use super::{config::Config, drain::DrainReportHandle, service::HttpService};
use crate::listen::{Address, Endpoint, IntoListener, ListenError};

/// An HTTP/1 and HTTP/2 server as a player, with a bounded drain of every connection.
///
/// It serves an `axum::Router`, or any tower service of `Request<hyper::body::Incoming>`; see
/// [`HttpService`]. If the service returns an error or a handler panics, that request is answered
/// with status 500 in the form of a [`Problem`](crate::Problem), and an error is logged. The server
/// continues.
///
/// Every request has a [`Context`] of its own, as an extension. Handlers use it to detect a stop,
/// above all those of endless streams such as server-sent events:
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use upbeat::Context;
/// use upbeat_http::HttpServer;
///
/// async fn slow(Extension(cx): Extension<Context>) -> &'static str {
///     match cx.unless_stopping(std::future::ready("done")).await {
///         Some(answer) => answer,
///         None => "stopping, here is a partial result",
///     }
/// }
///
/// let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/slow", get(slow)));
/// # drop(server);
/// ```
///
/// # The context of a request
///
/// It is a child of the server's context, but like the request it
/// [outlives the stop](Context::until_deadline). It is done
///
/// - if the client disconnects before it has the whole response. The cause is
///   [`ClientGone`](crate::ClientGone). An HTTP/2 client can cancel one request. With HTTP/1, the
///   server detects the end of the connection once it has read the request's body;
/// - if the [request timeout](Self::request_timeout) passes;
/// - at the drain deadline of a stop;
/// - at the end of the request, so that no work for it continues by mistake. Work that must
///   continue uses the server's own context or a [`Tracker`](upbeat::task::Tracker).
///
/// It carries the [`RequestId`](crate::RequestId) and the [`Peer`](crate::Peer) as
/// [values](Context::value). The handler runs in a tracing span `request` with the fields `id`,
/// `method` and `path` (without the query). The response body, and tasks spawned without the span,
/// do not.
///
/// # Heads and bodies
///
/// The service gets a request only if its head is valid, also where the engine is lenient.
/// Otherwise the response is a [`Problem`](crate::Problem), and with HTTP/1 the connection is
/// closed:
///
/// | status, code | the request |
/// |---|---|
/// | 400 `invalid_host` | of HTTP/1.1 without `Host`, with two, or with an invalid one; of HTTP/2 without an authority, or with another `Host` |
/// | 400 `invalid_target` | has a target that its method does not allow, such as `GET *` |
/// | 400 `invalid_coding` | has the transfer coding `chunked` more than once |
/// | 501 `unknown_coding` | has another transfer coding beside `chunked` |
/// | 417 `expectation_failed` | expects something other than `100-continue` |
/// | 421 `misdirected` | has an absolute target whose scheme is not that of the connection |
///
/// The host of an absolute target replaces the header `Host`, so that a service reads one header.
///
/// If a client of HTTP/1.1 expects `100-continue`, it gets that status when the body is first read,
/// by the handler or by the body of its response. The head of such a response is sent with its
/// first bytes. If the body of a request is not read, the response carries `connection: close`
/// unless the rest has already arrived.
///
/// # Guarantees
///
/// The server is ready once it is bound, and every run binds again. When a stop is requested, it
///
/// - serves the connections that the kernel has already accepted, and refuses later ones;
/// - lets requests in flight finish. HTTP/1 responses carry `connection: close`, and HTTP/2 clients
///   get GOAWAY. No response that has begun is cut before the drain deadline;
/// - closes a connection once it has been idle for the
///   [first byte timeout](Self::first_byte_timeout), which for most is at once;
/// - reads the rest of a request head within the [header timeout](Self::header_timeout);
/// - sends WebSocket clients a close frame (code 1001) and waits for their end. Other upgraded
///   connections detect the stop by the [`Context`];
/// - cuts the rest at the drain deadline, and [reports](Context::report_lost) each request with its
///   method, path and age.
///
/// The drain deadline is the [drain timeout](Self::drain_timeout) after the stop, or shortly before
/// the conductor's own deadline if that comes first. When the player returns, all its connections
/// are closed.
///
/// # Not guaranteed
///
/// A handler that blocks its thread is reported but cannot be ended. An idle client that sends its
/// next request at the very instant of the close gets no response: HTTP/1 cannot exclude that.
/// HTTP/2 can, and does.
///
/// # The bound of each phase
///
/// A connection is always in one of these phases. Each has a bound against a client that does
/// nothing, or that does something endlessly. At the drain deadline, every phase ends.
///
/// | phase | waits for | bound | during a drain |
/// |---|---|---|---|
/// | in the kernel's queue | a permit, or a file descriptor | none: the client's | accepted at once |
/// | connected | the first byte | [`keep_alive_timeout`](Self::keep_alive_timeout) | [`first_byte_timeout`](Self::first_byte_timeout) |
/// | TLS handshake, HTTP/2 preface and settings | the rest | [`header_timeout`](Self::header_timeout) | the same, but a partial preface is closed at once |
/// | the head of any request | the rest | `header_timeout` from its first byte | the same |
/// | body in, HTTP/1 | bytes that the service reads | [`transfer_timeout`](Self::transfer_timeout) without a byte | the same |
/// | body in, HTTP/2 | bytes that the service reads | [`request_timeout`](Self::request_timeout), by default none | the same |
/// | handler | the service | `request_timeout`, by default none | the same |
/// | body out, from the service | the service | none: the service's | the same |
/// | body out, to the client | the client's window or kernel | `transfer_timeout` without a byte | the same |
/// | an HTTP/1 body after its response | bytes that the service reads | `transfer_timeout` without a byte | `header_timeout` |
/// | idle | the next request | `keep_alive_timeout` | `first_byte_timeout`, HTTP/2: GOAWAY and 1 s |
/// | upgraded, in | the client | none: the protocol's, see `keep_alive_interval` | the handler is told to stop |
/// | upgraded, out | the client's kernel | `transfer_timeout` without a byte | the same |
/// | after the last response | the client's close | 1 s | the same |
/// | any, with a client that has vanished | a sign of life | ten times [`keep_alive_interval`](Self::keep_alive_interval), HTTP/2: three times | the same |
///
/// What a client can make the server keep in memory is bounded, too. The engine reads 16 KiB of
/// headers with HTTP/2 and about 400 KiB with HTTP/1, stops to read while responses to pipelined
/// requests, PING or SETTINGS cannot be written, and limits streams that are opened and reset. A
/// WebSocket reads at most 1 MiB while it cannot write, as its library queues a pong for each ping.
///
/// # File descriptors
///
/// The server leaves an eighth of the process's limit free, at least 4 and at most 64 descriptors:
/// for [`Diagnostics`](crate::Diagnostics), for files that handlers open, and for the connections
/// that are queued at a stop. When only these are left, it stops accepting, logs a warning, and
/// continues once others are closed. Clients wait in the kernel's queue meanwhile. A start logs a
/// warning if fewer are left than [`max_connections`](Self::max_connections). The limit is that of
/// `ulimit -n`.
///
/// # Errors
///
/// [`ListenError`], if the address cannot be bound, or if the listener fails.
///
/// # Compared with `axum::serve`
///
/// `axum::serve(..).with_graceful_shutdown(..)` waits without a bound for partial request heads,
/// slow readers and open streams. This server bounds all of them, costs no more per request, and
/// keeps less memory for an idle connection.
#[must_use = "a server listens only while a conductor plays it"]
pub struct HttpServer<S> {
    endpoint: Endpoint,
    // Locked once per run, so that a service need not be `Sync`.
    service: Mutex<S>,
    config: Config,
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
    drain_report: DrainReportHandle,
}

// The bound infers the state type of an `axum::Router`, and reports an unsuitable service at its
// place.
impl<S> HttpServer<S>
where
    S: Service<Request<Incoming>>,
{
    /// Creates a server that listens on `address` once it plays.
    ///
    /// The address is `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000` or the like. A name may have
    /// several addresses, as `localhost` has one for IPv4 and one for IPv6. The server listens on
    /// each that this machine has, with the same port. With port 0 the system selects a port, and
    /// [`address`](Self::address) returns it.
    pub fn bind(address: impl Into<String>, service: S) -> Self {
        Self::new(Endpoint::bind(address.into()), service)
    }

    /// Creates a server on a bound listener, TCP or Unix, of tokio or the standard library.
    ///
    /// The first run takes the listener and closes it at the stop. A later run binds the same
    /// address.
    pub fn from_listener(listener: impl IntoListener, service: S) -> Self {
        Self::new(Endpoint::from_listener(listener), service)
    }

    /// Creates a server that listens on a Unix socket at `path` once it plays.
    ///
    /// A stale socket file is replaced. The run fails if another process listens on it, even one
    /// that hangs, or if it is no socket. The server removes its file when it stops.
    pub fn unix(path: impl Into<PathBuf>, service: S) -> Self {
        Self::new(Endpoint::unix(path.into()), service)
    }
}

impl<S> HttpServer<S> {
    fn new(endpoint: Endpoint, service: S) -> Self {
        Self {
            endpoint,
            service: Mutex::new(service),
            config: Config::default(),
            #[cfg(feature = "tls")]
            tls: None,
            drain_report: DrainReportHandle::default(),
        }
    }

    /// Sets the time for requests in flight to finish after a stop was requested. Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.config.drain_timeout = timeout;
        self
    }

    /// Sets the time for the head of each HTTP/1 request from its first byte, for a TLS handshake,
    /// and for HTTP/2's opening. Default: 5 s.
    ///
    /// It does not matter what came before: a request with or without a body, or one that is still
    /// being served. In the latter case the time counts from the end of its response.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.config.header_timeout = timeout;
        self
    }

    /// Sets the time in which a client may still begin a request while the server stops. Default:
    /// 250 ms.
    ///
    /// It counts from the connect or from the last response. A client that uses its connection thus
    /// gets a response with `connection: close` instead of a closed connection. A connection that
    /// has been idle for longer is closed at once.
    pub fn first_byte_timeout(mut self, timeout: Duration) -> Self {
        self.config.first_byte_timeout = timeout;
        self
    }

    /// Sets the time for which a connection may be idle, after its connect and between two
    /// requests. Default: 75 s.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.config.keep_alive_timeout = timeout;
        self
    }

    /// Sets the time in which a byte of a body must move. Default: 60 s, as in nginx.
    ///
    /// It bounds both directions: a client that does not send the rest of its request's body while
    /// the service reads it, and a client that does not read its response. It counts from the last
    /// byte that moved, so that a slow transfer takes as long as it needs. The time for which the
    /// service itself produces no bytes does not count.
    ///
    /// - If no byte of an HTTP/1 request's body arrives, the service's read fails, and the service
    ///   can still respond. The connection is closed afterwards.
    /// - If the kernel accepts no byte of a response, the connection is closed, with HTTP/2 too.
    ///   [`ClientGone`](crate::ClientGone) ends the context of the request.
    /// - If an HTTP/2 client does not admit the bytes of one response (a window of 0), that stream
    ///   is reset. This may be late by half of the timeout. If the engine has all of the response
    ///   already (the client admits a part of its last 16 KiB), the connection gets GOAWAY, and is
    ///   closed once all its streams stand still.
    /// - A write to an upgraded connection, such as a WebSocket, fails with
    ///   [`TimedOut`](std::io::ErrorKind::TimedOut).
    ///
    /// # Not guaranteed
    ///
    /// The kernel reports progress in pieces. A client that reads less than a few KiB per second
    /// may be taken for one that does not read. The body of an HTTP/2 request is not bounded on its
    /// own: [`request_timeout`](Self::request_timeout) bounds it. Nor are reads of an upgraded
    /// connection, which may be silent for long.
    pub fn transfer_timeout(mut self, timeout: Duration) -> Self {
        self.config.transfer_timeout = timeout;
        self
    }

    /// Sets the interval at which the server checks that a silent client still exists. Default:
    /// 15 s, as in Go.
    ///
    /// A client that loses its network or its power does not close its connections. The kernel
    /// checks TCP connections (`SO_KEEPALIVE`) and ends one after ten intervals without an answer.
    /// HTTP/2 clients get a PING in each interval and are closed if they do not answer within two
    /// more. `None` disables both.
    pub fn keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.config.keep_alive_interval = interval.into();
        self
    }

    /// Sets the time for a request from its head to the last byte of its response. Default:
    /// unbounded.
    ///
    /// When it has passed, the request's [`Context`] is done with
    /// [`DeadlineExceeded`](upbeat::ContextError::DeadlineExceeded), and a handler that observes it
    /// can still respond. If the handler has not begun a response 100 ms later, it is dropped, and
    /// the server responds with 503. A response that has begun is not cut: its body observes the
    /// context. An upgrade is a response: the timeout is lifted from the context, which then ends
    /// with the connection or at the drain deadline.
    ///
    /// This is Go's `http.TimeoutHandler`, except that the handler ends too. It is `tower_http`'s
    /// `TimeoutLayer`, except for the status. Work that must not be dropped halfway belongs in a
    /// task ([`Context::spawn`], [`Tracker`](upbeat::task::Tracker)), which observes the context
    /// and continues.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = Some(timeout);
        self
    }

    /// Sets the time after which a request is logged as stalled. Default: never.
    ///
    /// The time counts from the request's head to the last byte of its response. The `tracing`
    /// event has the level warn and the fields `id`, `method` and `path`. It shows the line at
    /// which the handler is suspended:
    ///
    /// ```text
    /// GET /slow has taken 5.0 s: waiting in
    /// └─ shop::checkout at checkout.rs:12
    ///    └─ shop::charge at charge.rs:40
    /// ```
    ///
    /// If the handler has returned and only the body is left, the event is
    /// `GET /slow has taken 5.0 s: sending its response`. The request itself continues; use
    /// [`request_timeout`](Self::request_timeout) to end it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::{Router, routing::get};
    /// use upbeat_http::HttpServer;
    ///
    /// let app = Router::new().route("/hello", get(async || "Hello world."));
    /// let web = HttpServer::bind("127.0.0.1:0", app).stall_timeout(Duration::from_secs(5));
    /// # drop(web);
    /// ```
    ///
    /// # Guarantees
    ///
    /// - A request that ends before the timeout is not logged, and none is logged twice.
    /// - Requests pay nothing for it: the server checks the open ones four times within the
    ///   timeout.
    ///
    /// # Not guaranteed
    ///
    /// - The event may be late by a quarter of the timeout, and by another 100 ms if handlers block
    ///   their threads. A request that ends within that time may or may not be logged.
    /// - An upgraded connection, such as a WebSocket, is not logged.
    /// - If only the last bytes of a response are in flight, its event may lack the `id`.
    /// - The check needs a worker of the runtime. If handlers block all workers, the event waits
    ///   for a free one.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.config.stall_timeout = Some(timeout);
        self
    }

    /// Sets the number of connections that may be open at the same time, at least 1. Default:
    /// 10,000.
    ///
    /// At the limit the server stops accepting until a connection is closed. No client is refused:
    /// the kernel queues up to 4,096 more.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.config.max_connections = max.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Enables HTTPS.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = Some(tls);
        self.config.secured = true;
        self
    }

    /// Omits a drain from the report unless it has cut a request.
    pub(crate) fn quiet(mut self) -> Self {
        self.config.quiet = true;
        self
    }

    /// Replaces the service.
    pub(crate) fn with_service(mut self, service: S) -> Self {
        self.service = Mutex::new(service);
        self
    }

    /// Returns a handle to the address on which the server listens.
    pub fn address(&self) -> Address {
        self.endpoint.address()
    }

    /// Returns a handle to the report of the latest drain.
    ///
    /// ```
    /// let server = upbeat_http::HttpServer::bind("127.0.0.1:0", axum::Router::new());
    /// let drain_report = server.drain_report();
    /// // Once a conductor has played `server`:
    /// if let Some(report) = drain_report.get() {
    ///     println!("{report}");
    /// }
    /// ```
    pub fn drain_report(&self) -> DrainReportHandle {
        self.drain_report.clone()
    }
}

impl<S: HttpService> Player for HttpServer<S> {
    type Error = ListenError;

    async fn play(&self, cx: Context) -> Result<(), ListenError> {
        let run = ServerRun {
            endpoint: &self.endpoint,
            service: self.service.lock().clone(),
            config: self.config,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
            drain_report: &self.drain_report,
        };
        run.play(cx).await
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }
}

impl<S> fmt::Debug for HttpServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("endpoint", &self.endpoint)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
