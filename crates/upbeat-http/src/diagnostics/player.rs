use std::{sync::Arc, time::Duration};

use axum::Router;
use upbeat::{Context, Player, score::Readiness};

use super::endpoints::router;
use crate::{
    http::HttpServer,
    listen::{Address, IntoListener, ListenError},
};

/// The diagnostics endpoints of a tree of players, as a player of that tree.
///
/// | endpoint | response |
/// |---|---|
/// | `/livez` | `ok` while this process can respond, also during a stop |
/// | `/readyz` | `ok`, or 503 with the reason, such as `not ready: shop/db is starting` or `stopping: SIGTERM` |
/// | `/startupz` | `ok` once all players have been ready, otherwise 503 with the missing one |
/// | `/ready` | `Version: 1.2.3`, or 503 with the reason |
/// | `/players` | JSON with each player's state, its age, time left, breadcrumbs and open requests |
/// | `/dump` | the same, and the file and line at which each task and request is suspended; `?text` for plain text |
/// | `/` | this list |
///
/// `/readyz` fails from the instant at which a stop begins. `?verbose` adds a line per player to
/// the first three. Responses forbid caching.
///
/// Declare its part with [`first_and_last`](upbeat::Part::first_and_last), so that it starts first
/// and stops last. It then responds from before the first start until after the last stop.
///
/// ```
/// use upbeat::{Conductor, Part};
/// use upbeat_http::{Diagnostics, HttpServer};
///
/// let app = axum::Router::new();
/// let shop = Conductor::new("shop")
///     .part(Part::new("diagnostics", Diagnostics::bind("127.0.0.1:8081").version("1.2.3")).first_and_last())
///     .player("web", HttpServer::bind("127.0.0.1:8080", app));
/// # drop(shop);
/// ```
///
/// # Guarantees
///
/// Those of [`HttpServer`], except for a shorter drain timeout (default: 1 s) and no line in the
/// report. The [reserve of file descriptors](HttpServer#file-descriptors) of the other servers is
/// for these endpoints: they respond while clients use up the rest.
///
/// # Errors
///
/// [`ListenError`], if the address cannot be bound.
#[derive(Debug)]
#[must_use = "the endpoints respond only while a conductor plays them"]
pub struct Diagnostics {
    server: HttpServer<Router>,
    version: Arc<str>,
    extra: Router,
}

impl Diagnostics {
    /// Creates endpoints that listen on `address`, such as `127.0.0.1:8081`, once they play.
    pub fn bind(address: impl Into<String>) -> Self {
        Self::new(HttpServer::bind(address, Router::new()))
    }

    /// Creates endpoints on a bound listener. See [`HttpServer::from_listener`].
    pub fn from_listener(listener: impl IntoListener) -> Self {
        Self::new(HttpServer::from_listener(listener, Router::new()))
    }

    fn new(server: HttpServer<Router>) -> Self {
        let server = server.drain_timeout(Duration::from_secs(1)).quiet();
        Self { server, version: "unknown".into(), extra: Router::new() }.with_endpoints()
    }

    /// Sets the version in the response of `/ready`. Default: `unknown`.
    pub fn version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.version = version.into();
        self.with_endpoints()
    }

    /// Adds routes of your own, such as `/metrics`.
    ///
    /// # Panics
    ///
    /// If one of them is already an endpoint.
    pub fn routes(mut self, routes: Router) -> Self {
        self.extra = self.extra.merge(routes);
        self.with_endpoints()
    }

    /// Sets the time for requests in flight to finish after a stop was requested. Default: 1 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.server = self.server.drain_timeout(timeout);
        self
    }

    /// Returns a handle to the address on which the endpoints listen.
    pub fn address(&self) -> Address {
        self.server.address()
    }

    fn with_endpoints(mut self) -> Self {
        let endpoints = router(&self.version, self.extra.clone());
        self.server = self.server.with_service(endpoints);
        self
    }
}

impl Player for Diagnostics {
    type Error = ListenError;

    fn play(&self, cx: Context) -> impl Future<Output = Result<(), ListenError>> + Send {
        self.server.play(cx)
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }
}
