use std::{fmt, path::PathBuf, time::Duration};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tower::Service;
use upbeat::{BoxError, Context, Player, Readiness};

use super::{config::Config, drain::LastDrain, run::run};
use crate::listen::{Address, Endpoint, IntoListener, ListenError};

/// An HTTP/1 and HTTP/2 server as a player, with a drain in which every connection has a bound.
///
/// It serves an `axum::Router`, or any tower service of `Request<hyper::body::Incoming>`. A service's error, and a
/// handler's panic, is a 500 for that request alone, of the shape of a [`Problem`](crate::Problem), and an error event; the server lives.
///
/// Every request carries a [`Context`] of its own as an extension. Handlers, and above all streams without an end of their
/// own such as server-sent events, can see the stop coming by it:
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use upbeat::Context;
/// use upbeat_http::HttpServer;
///
/// async fn slow(Extension(cx): Extension<Context>) -> &'static str {
///     match cx.unless_stopping(std::future::ready("done")).await {
///         Some(answer) => answer,
///         None => "stopping, so here is what I have",
///     }
/// }
///
/// let server = HttpServer::bind("127.0.0.1:0", Router::new().route("/slow", get(slow)));
/// # drop(server);
/// ```
///
/// # The context of a request
///
/// What works for a request gets its context, and is told by it when nobody needs the answer any more. It is a child of the server's, but
/// [goes on through a stop](Context::until_deadline), as the request does. It is done
///
/// - when its client goes away before it has the whole answer: [`ClientGone`](crate::ClientGone) is the cause. HTTP/2 clients can give up one
///   request; with HTTP/1 it shows by the end of the connection, which the server sees once it has read the request's body;
/// - when its [timeout](Self::request_timeout) passes;
/// - at the drain deadline of a stop;
/// - at its end, so that nothing that was begun for it goes on by mistake. What is to go on is given the server's own context, or to a
///   [`Tracker`](upbeat::task::Tracker).
///
/// It carries the [`RequestId`](crate::RequestId) and the [`Peer`](crate::Peer), as [values](Context::value). The handler runs in a tracing span `request` with the fields `id`, `method` and `path`
/// (without the query); its body, and what it spawns without the span, does not.
///
/// # Guarantees
///
/// It is ready once it is bound, and every run binds anew. When asked to stop it
///
/// - serves the connections that the kernel has already taken for it, and refuses later ones;
/// - lets requests in flight finish, marking HTTP/1 answers `connection: close` and sending HTTP/2 clients GOAWAY. No answer
///   that was begun is broken off before the drain deadline;
/// - closes a connection that is quiet once it has been so for the [first byte grace](Self::first_byte_grace): at once, for most;
/// - gives the rest of a request head the [header timeout](Self::header_timeout);
/// - says goodbye to web sockets (close code 1001) and waits for their end; other upgraded connections see the
///   stop by the `Context`;
/// - cuts what is left at the drain deadline, and names it: one [`cut`](Context::report_lost) with method, path and age for each request.
///
/// The drain deadline is [`drain`](Self::drain) after the stop, or a little before the conductor's own deadline where that is sooner. When the
/// player returns, all its connections are closed.
///
/// # Not guaranteed
///
/// A handler that blocks its thread can be named but not ended. A quiet client that sends its next request in the very instant in
/// which it is closed gets no answer: HTTP/1 has no way to exclude that. HTTP/2 has, and does.
///
/// # Without a stop
///
/// A request head that takes longer than the header timeout, and a connection that is quiet for longer than
/// [`keep_alive`](Self::keep_alive), is closed. Handlers have the [request timeout](Self::request_timeout), if there is one; bodies have no
/// bound of their own: that is the service's to decide.
///
/// # Errors
///
/// [`ListenError`], when the address cannot be bound, or when accepting becomes impossible.
///
/// # Compared with `axum::serve`
///
/// `axum::serve(..).with_graceful_shutdown(..)` waits without a bound for connections that have sent part of a request, for slow
/// readers, and for open streams. This does not, costs no more per request, and keeps less memory for a connection that is idle.
pub struct HttpServer<S> {
    pub(super) endpoint: Endpoint,
    // A lock, so that a service need not be `Sync`; it is taken once per run.
    pub(super) service: Mutex<S>,
    pub(super) config: Config,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<super::tls::TlsConfig>,
    last_drain: LastDrain,
}

// The bound tells `axum::Router` which one it is, and a mistaken service where the mistake is.
impl<S> HttpServer<S>
where
    S: Service<Request<Incoming>>,
{
    /// A server that will listen on `address`, such as `127.0.0.1:8000`, `[::1]:8000` or `localhost:8000`. Port 0 lets the
    /// system choose; [`address`](Self::address) says which.
    ///
    /// Nothing is bound before the server is played.
    pub fn bind(address: impl Into<String>, service: S) -> Self {
        Self::new(Endpoint::bind(address.into()), service)
    }

    /// A server on a listener that is already bound: tokio's or the standard library's, TCP or Unix.
    ///
    /// The first run takes the listener; when it stops, the listener is closed. Another run binds its address anew.
    pub fn on(listener: impl IntoListener, service: S) -> Self {
        Self::new(Endpoint::on(listener), service)
    }

    /// A server on a Unix socket at `path`.
    ///
    /// A socket file on which nobody answers is replaced; one on which somebody does is an error, and so is another kind of file.
    /// The server removes its file when it stops.
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
            last_drain: LastDrain::default(),
        }
    }

    /// How long requests in flight may take once the server was asked to stop; 10 s if not set.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.config.drain = drain;
        self
    }

    /// How long a client may take for a request head from its first byte, for a TLS handshake, and for HTTP/2's opening; 5 s if not
    /// set.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.config.header_timeout = timeout;
        self
    }

    /// How long after its connect, or after its last answer, a client may still begin a request when the server is stopping; 250
    /// ms if not set.
    ///
    /// It is what lets a client that is using its connection get an answer marked `connection: close` instead of a connection
    /// that is closed under its hands. A connection that has been quiet for longer is closed at once.
    pub fn first_byte_grace(mut self, grace: Duration) -> Self {
        self.config.first_byte_grace = grace;
        self
    }

    /// How long a connection may be quiet: after its connect, and between two requests; 75 s if not set.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.config.keep_alive = keep_alive;
        self
    }

    /// How long a request may take from its head to the last byte of its answer; without a bound if not set.
    ///
    /// When it has passed the request's [`Context`] is done with [`DeadlineExceeded`](upbeat::ContextError::DeadlineExceeded). A handler that
    /// looks at it can give an answer of its own. One that has begun no answer 100 ms later is dropped where it stands, and the server answers
    /// 503 in its place. An answer that was begun is not broken off: its body sees the context.
    ///
    /// That is Go's `http.TimeoutHandler`, but for the handler, which there goes on unseen, and `tower_http`'s `TimeoutLayer`, but for the
    /// status. Work that must not be dropped halfway belongs into a task ([`Context::spawn`], [`Tracker`](upbeat::task::Tracker)): it is told by the
    /// context, and goes on.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = Some(timeout);
        self
    }

    /// How long a request may take, from its head to the last byte of its answer, before it is told about; never if not set.
    ///
    /// The news is a `tracing` event of level warn with the fields `id`, `method` and `path`. It says where the handler waits:
    ///
    /// ```text
    /// GET /slow has taken 5.0 s: waiting in
    /// └─ shop::checkout at checkout.rs:12
    ///    └─ shop::charge at charge.rs:40
    /// ```
    ///
    /// or, when the handler has answered and what is left is the body, `GET /slow has taken 5.0 s: sending its answer`. It is told once for
    /// each request, which is not touched otherwise and goes on: to end it is for [`request_timeout`](Self::request_timeout).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::{Router, routing::get};
    /// use upbeat_http::HttpServer;
    ///
    /// let app = Router::new().route("/hello", get(async || "Hello world."));
    /// let web = HttpServer::bind("127.0.0.1:0", app).stall_limit(Duration::from_secs(5));
    /// # drop(web);
    /// ```
    ///
    /// # Guarantees
    ///
    /// - A request that ends before the limit is not told about, and none twice.
    /// - Requests pay nothing for it: the server looks through those that are open, four times within the limit.
    ///
    /// # Not guaranteed
    ///
    /// - It may be told a quarter of the limit late, and a quarter of a second later where handlers block their threads; one that ends
    ///   in that time may then be told about, or not.
    /// - A connection that became something else, such as a web socket, is not told about.
    /// - An event of a request of which only the last bytes are on their way may lack the `id`.
    /// - The server needs a worker of the runtime to look: where handlers block all of them, nothing is told before one is free.
    pub fn stall_limit(mut self, limit: Duration) -> Self {
        self.config.stall_limit = Some(limit);
        self
    }

    /// How many connections may be open at the same time; 10,000 if not set, and at least 1.
    ///
    /// At the limit the server stops accepting until one is closed. Nobody is refused: the kernel keeps up to 4,096 more waiting.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.config.max_connections = most.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Speaks HTTPS.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: super::tls::TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Says nothing of its drain in the report, unless something was cut.
    pub(crate) fn quiet(mut self) -> Self {
        self.config.quiet = true;
        self
    }

    /// Serves something else.
    pub(crate) fn serving(mut self, service: S) -> Self {
        self.service = Mutex::new(service);
        self
    }

    /// By which others learn where the server listens.
    pub fn address(&self) -> Address {
        self.endpoint.address()
    }

    /// By which code reads how the latest drain went.
    pub fn last_drain(&self) -> LastDrain {
        self.last_drain.clone()
    }
}

impl<S, B> Player for HttpServer<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Error = ListenError;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), ListenError>> + Send {
        run(self, cx)
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
