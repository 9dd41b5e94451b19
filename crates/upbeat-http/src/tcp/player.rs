use std::{fmt, future::poll_fn, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use upbeat::{BoxError, Context, Player, attachment::run_as, panic::CatchPanic, score::Readiness};

use super::connections::Connections;
use crate::{
    deadline::drain_deadline,
    listen::{
        Accepted, Address, Descriptors, Endpoint, IntoListener, KEEP_ALIVE_INTERVAL, ListenError, Socket, accept, sweep,
    },
    targets,
};

/// A TCP (or Unix socket) server as a player, with one task per connection.
///
/// The handler gets the [`Socket`] and the server's [`Context`]. When it returns, the socket is
/// closed and the connection has ended.
///
/// ```
/// use upbeat::Context;
/// use upbeat_http::{Socket, TcpServer};
///
/// async fn echo(socket: Socket, cx: Context) -> std::io::Result<()> {
///     let (mut from, mut to) = tokio::io::split(socket);
///     cx.unless_stopping(tokio::io::copy(&mut from, &mut to)).await.transpose()?;
///     Ok(())
/// }
///
/// let server = TcpServer::bind("127.0.0.1:0", echo);
/// # let _: &dyn std::any::Any = &upbeat::Part::new("echo", server);
/// ```
///
/// # Guarantees
///
/// The server is ready once it is bound, and every run binds again. When a stop is requested, it
/// accepts the connections that the kernel has completed and refuses later ones. It then waits for
/// the handlers, which observe [`Context::stopping`].
///
/// The drain deadline is the [drain timeout](Self::drain_timeout) after the stop, or shortly before
/// the conductor's own deadline. The server then aborts the remaining handlers and
/// [reports](Context::report_lost) each connection with its peer and age.
///
/// A handler's error is logged as a warning with the peer, a panic as an error. The server
/// continues. It leaves a reserve of [file descriptors](crate::HttpServer#file-descriptors) free.
///
/// # Not guaranteed
///
/// Idle connections have no timeout: only the handler can detect that they are idle. The same holds
/// for a client that does not read: a handler that writes to it waits, with a bound only if it sets
/// one, such as `tokio::time::timeout`. A handler that blocks its thread is reported but cannot be
/// ended.
///
/// # Errors
///
/// [`ListenError`], if the address cannot be bound, or if the listener fails.
#[must_use = "a server listens only while a conductor plays it"]
pub struct TcpServer<H> {
    endpoint: Endpoint,
    handler: Arc<H>,
    drain_timeout: Duration,
    keep_alive_interval: Option<Duration>,
    max_connections: usize,
}

impl<H> TcpServer<H> {
    /// Creates a server that listens on `address`, such as `127.0.0.1:9000`, once it plays.
    ///
    /// A name is all its addresses, as in [`HttpServer::bind`](crate::HttpServer::bind). With port
    /// 0 the system selects a port, and [`address`](Self::address) returns it.
    pub fn bind(address: impl Into<String>, handler: H) -> Self {
        Self::new(Endpoint::bind(address.into()), handler)
    }

    /// Creates a server on a bound listener, TCP or Unix, of tokio or the standard library.
    ///
    /// The first run takes the listener and closes it at the stop. A later run binds the same
    /// address.
    pub fn from_listener(listener: impl IntoListener, handler: H) -> Self {
        Self::new(Endpoint::from_listener(listener), handler)
    }

    /// Creates a server that listens on a Unix socket at `path` once it plays.
    ///
    /// It treats the file as [`HttpServer::unix`](crate::HttpServer::unix) does.
    pub fn unix(path: impl Into<PathBuf>, handler: H) -> Self {
        Self::new(Endpoint::unix(path.into()), handler)
    }

    fn new(endpoint: Endpoint, handler: H) -> Self {
        let drain_timeout = Duration::from_secs(10);
        Self {
            endpoint,
            handler: Arc::new(handler),
            drain_timeout,
            keep_alive_interval: Some(KEEP_ALIVE_INTERVAL),
            max_connections: 10_000,
        }
    }

    /// Sets the time for connections to end after a stop was requested. Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Sets the interval at which the kernel checks that a silent client still exists
    /// (`SO_KEEPALIVE`). Default: 15 s, as in Go.
    ///
    /// A client that has vanished is detected after ten intervals at the latest. Reads and writes
    /// of its socket then fail with [`TimedOut`](std::io::ErrorKind::TimedOut). `None` disables the
    /// checks: a client that loses its network then keeps its connection, and its handler, for as
    /// long as the server sends nothing.
    pub fn keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.keep_alive_interval = interval.into();
        self
    }

    /// Sets the number of connections that may be open at the same time, at least 1. Default:
    /// 10,000.
    ///
    /// At the limit the server stops accepting until a connection is closed. No client is refused:
    /// the kernel queues up to 4,096 more.
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Returns a handle to the address on which the server listens.
    pub fn address(&self) -> Address {
        self.endpoint.address()
    }
}

impl<H, Fut, E> Player for TcpServer<H>
where
    H: Fn(Socket, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<BoxError>,
{
    type Error = ListenError;

    async fn play(&self, cx: Context) -> Result<(), ListenError> {
        let Some(listener) = cx.unless_stopping(self.endpoint.open()).await else { return Ok(()) };
        let listener = listener?;
        let name = self.endpoint.name();
        cx.detail("listening", &name);
        tracing::info!(target: targets::SERVER, "listening on {name}");
        cx.ready();

        let connections = Mutex::new(Connections::default());
        cx.register_work(connections.lock().list());
        let serve = |Accepted { socket, peer, permit }: Accepted| {
            socket.keep_alive(self.keep_alive_interval);
            let (handler, cx) = (self.handler.clone(), cx.clone());
            connections.lock().add(peer, async move {
                let _permit = permit;
                // The call is in the task, so that its panic is caught too.
                let run = cx.clone();
                let mut handling = pin!(CatchPanic::new(async { handler(socket, cx).await }));
                let outcome = poll_fn(|task| run_as(&run, || handling.as_mut().poll(task))).await;
                match outcome.map(|result| result.map_err(Into::into)) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(target: targets::CONNECTION, %peer, error = &*error, "connection failed"),
                    Err(panic) => {
                        tracing::error!(target: targets::CONNECTION, %peer, panic = panic.message(), location = panic.location(), "connection handler panicked");
                    }
                }
            });
        };
        let permits = Arc::new(Semaphore::new(self.max_connections));
        let descriptors = Descriptors::without_reserve();
        descriptors.check(&name, self.max_connections);
        let accepted = accept(&listener, &permits, descriptors, cx.stopping(), serve).await;
        accepted.map_err(|error| ListenError::new(name, error))?;
        let started = Instant::now();
        let deadline = drain_deadline(&cx, started, self.drain_timeout);
        connections.lock().begin_drain();
        sweep(listener, deadline, serve).await;

        let drained = connections.into_inner().drain(started, deadline).await;
        tracing::info!(target: targets::SERVER, "{drained}");
        cx.note(&drained);
        drained.cut.iter().for_each(|line| cx.report_lost(line));
        Ok(())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }
}

impl<H> fmt::Debug for TcpServer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpServer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
