use std::{fmt, panic::AssertUnwindSafe, path::PathBuf, sync::Arc, time::Duration};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};
use upbeat::{BoxError, Context, Player, Readiness};

use super::connections::Connections;
use crate::{
    deadline::drain_deadline,
    listen::{Accepted, Address, Endpoint, IntoListener, ListenError, Socket, accept, sweep},
    text::panic_message,
};

/// A TCP (or Unix socket) server as a player: one task for each connection.
///
/// The handler gets the [`Socket`] and the server's [`Context`], and the connection is over when it returns, which closes the socket.
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
/// It is ready once it is bound, and every run binds anew. When asked to stop it takes the connections that the kernel has completed for
/// it, refuses later ones, and waits for the handlers, which see [`Context::stopping`]. At the drain deadline
/// ([`drain`](Self::drain) after the stop, or a little before the conductor's own) it aborts those that are left, and names each of
/// them by a [`cut`](Context::report_lost) with its peer and age.
///
/// A handler's error is logged as a warning with the peer, a panic as an error; the server lives.
///
/// # Not guaranteed
///
/// Idle connections have no bound but the drain's: only the handler knows what idle means. One that blocks its thread
/// can be named but not ended.
///
/// # Errors
///
/// [`ListenError`], when the address cannot be bound, or when accepting becomes impossible.
pub struct TcpServer<H> {
    endpoint: Endpoint,
    handler: Arc<H>,
    drain: Duration,
    max_connections: usize,
}

impl<H> TcpServer<H> {
    /// A server that will listen on `address`, such as `127.0.0.1:9000`. Port 0 lets the system choose;
    /// [`address`](Self::address) says which.
    ///
    /// Nothing is bound before the server is played.
    pub fn bind(address: impl Into<String>, handler: H) -> Self {
        Self::new(Endpoint::bind(address.into()), handler)
    }

    /// A server on a listener that is already bound: tokio's or the standard library's, TCP or Unix.
    ///
    /// The first run takes the listener; when it stops, the listener is closed. Another run binds its address anew.
    pub fn on(listener: impl IntoListener, handler: H) -> Self {
        Self::new(Endpoint::on(listener), handler)
    }

    /// A server on a Unix socket at `path`, whose file is treated as [`HttpServer::unix`](crate::HttpServer::unix) treats it.
    pub fn unix(path: impl Into<PathBuf>, handler: H) -> Self {
        Self::new(Endpoint::unix(path.into()), handler)
    }

    fn new(endpoint: Endpoint, handler: H) -> Self {
        Self { endpoint, handler: Arc::new(handler), drain: Duration::from_secs(10), max_connections: 10_000 }
    }

    /// How long connections may take to end once the server was asked to stop; 10 s if not set.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// How many connections may be open at the same time; 10,000 if not set, and at least 1.
    ///
    /// At the limit the server stops accepting until one is closed. Nobody is refused: the kernel keeps up to 4,096 more waiting.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// By which others learn where the server listens.
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
        tracing::info!("listening on {name}");
        cx.ready();

        let connections = Mutex::new(Connections::default());
        cx.register_work(connections.lock().list());
        let serve = |Accepted { socket, peer, place }: Accepted| {
            let (handler, cx) = (self.handler.clone(), cx.clone());
            connections.lock().add(peer, async move {
                let _place = place;
                // Called in the task, so that a panic in the call is caught too.
                let outcome = AssertUnwindSafe(async { handler(socket, cx).await }).catch_unwind().await;
                match outcome.map(|result| result.map_err(Into::into)) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%peer, error = &*error, "a connection failed"),
                    Err(panic) => {
                        tracing::error!(%peer, panic = panic_message(&*panic), "a connection's handler panicked");
                    }
                }
            });
        };
        let places = Arc::new(Semaphore::new(self.max_connections));
        let accepted = accept(&listener, &places, cx.stopping(), serve).await;
        accepted.map_err(|error| ListenError::new(name, error))?;
        let started = Instant::now();
        let deadline = drain_deadline(started, self.drain, cx.deadline());
        connections.lock().begin_drain();
        sweep(listener, serve).await;

        let drained = connections.into_inner().drain(started, deadline).await;
        tracing::info!("{drained}");
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
