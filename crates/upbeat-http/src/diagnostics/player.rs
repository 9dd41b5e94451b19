use std::{sync::Arc, time::Duration};

use axum::Router;
use upbeat::{Context, Player, Readiness};

use super::endpoints::router;
use crate::{Address, HttpServer, IntoListener, ListenError};

/// The diagnostics endpoints of a whole tree of players, as a player of it.
///
/// | endpoint | answer |
/// |---|---|
/// | `/livez` | `ok` while this process can answer, stopping or not: liveness is not readiness |
/// | `/readyz` | `ok`, or 503 with the reason, such as `not ready: shop/db is starting`; from the instant a stop begins `stopping: SIGTERM` |
/// | `/startupz` | `ok` once everything has been ready, else 503 with what is missing |
/// | `/ready` | `Version: 1.2.3`, or 503 with the reason |
/// | `/players` | what every player is doing, as JSON: state, for how long, time left, breadcrumbs, open requests |
/// | `/dump` | the same, and where every task and every request waits, with file and line; `?text` as a text for people |
/// | `/` | this list |
///
/// `?verbose` adds a line for each player to the first three. No answer may be stored by caches.
///
/// Declare its part with [`first_and_last`](upbeat::Part::first_and_last), so that it starts first and stops last: it then answers from
/// before the first start until after the last stop.
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
/// As [`HttpServer`]'s, but for a shorter drain (1 s, if not set), and no line in the report.
///
/// # Errors
///
/// [`ListenError`], when the address cannot be bound.
#[derive(Debug)]
pub struct Diagnostics {
    server: HttpServer<Router>,
    version: Arc<str>,
    extra: Router,
}

impl Diagnostics {
    /// Endpoints that will listen on `address`, such as `127.0.0.1:8081`.
    pub fn bind(address: impl Into<String>) -> Self {
        Self::new(HttpServer::bind(address, Router::new()))
    }

    /// Endpoints on a listener that is already bound; see [`HttpServer::on`].
    pub fn on(listener: impl IntoListener) -> Self {
        Self::new(HttpServer::on(listener, Router::new()))
    }

    fn new(server: HttpServer<Router>) -> Self {
        let server = server.drain(Duration::from_secs(1)).quiet();
        Self { server, version: "unknown".into(), extra: Router::new() }.with_endpoints()
    }

    /// The version that `/ready` tells; `unknown` if not set.
    pub fn version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.version = version.into();
        self.with_endpoints()
    }

    /// Adds routes of your own, such as `/metrics`.
    ///
    /// # Panics
    ///
    /// When one of them is a route that is there already.
    pub fn routes(mut self, routes: Router) -> Self {
        self.extra = self.extra.merge(routes);
        self.with_endpoints()
    }

    /// How long requests in flight may take once it was asked to stop; 1 s if not set.
    pub fn drain(mut self, drain: Duration) -> Self {
        self.server = self.server.drain(drain);
        self
    }

    /// By which others learn where it listens.
    pub fn address(&self) -> Address {
        self.server.address()
    }

    fn with_endpoints(mut self) -> Self {
        let endpoints = router(&self.version, self.extra.clone());
        self.server = self.server.serving(endpoints);
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
