//! The stream on the network.

mod error;
mod open;
mod parameters;
mod socket;

use axum::{
    Extension, Json, Router,
    extract::{Query, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
    routing::get,
};
use futures_util::Stream;
use upbeat::Context;
use upbeat_http::{JsonLines, Problem, SameOrigin};

use crate::{Averaged, Fault, Reads, Rows, Store, series};
use error::ErrorResponse;
use open::{Open, Stats, Streams};
use parameters::Parameters;

/// The measurements of a store, over HTTP.
///
/// | | |
/// |---|---|
/// | `GET /measurements` | JSON lines, chunked |
/// | `GET /measurements/ws` | the same lines as WebSocket messages, several in each; close code 1000 at the end |
/// | `GET /stats` | the number of open streams, of rows read, and of connections to the database |
///
/// A stream has optional parameters: `from` and `to` (times such as `2026-01-01T12:00:00Z`, without
/// `to` itself), `min` (of a value), `window` (rows of the moving average, by default 1, at most
/// 100,000), and `above` (of the average).
///
/// A line is an [`Averaged`], or `{"error": …}` with a [`Fault`]. An error before the first line
/// has its own status and `{"error": {"code", "status", "message", "field"}}`: 400 for an invalid
/// parameter, 403 for a WebSocket of another site's page, 503 with `retry-after` for a database
/// that is locked or unreachable, and 500 for one that rejects the query.
///
/// If the client disconnects, the stream and its query are dropped. If the server stops, the stream
/// ends with a fault, or over WebSocket with the close code 1001.
#[derive(Clone, Debug)]
pub struct Web {
    store: Store,
    streams: Streams,
    reads: Reads,
}

/// The parameters of any query.
type Pairs = Query<Vec<(String, String)>>;

impl Web {
    /// Returns the routes of a store.
    pub fn new(store: Store) -> Self {
        Self { store, streams: Streams::default(), reads: Reads::default() }
    }

    /// Returns the router. It needs the [`Context`] that an [`HttpServer`](upbeat_http::HttpServer)
    /// adds to each request.
    pub fn router(self) -> Router {
        Router::new()
            .route("/measurements", get(lines))
            .route("/measurements/ws", get(messages))
            .route("/stats", get(stats))
            .fallback(async || ErrorResponse::not_found())
            .method_not_allowed_fallback(async || ErrorResponse::method())
            .with_state(self)
    }

    /// Reads the first page and returns the stream.
    async fn stream(
        &self,
        pairs: Pairs,
        cx: Context,
    ) -> Result<JsonLines<impl Stream<Item = Result<Averaged, Fault>> + Send + use<>>, ErrorResponse> {
        let parameters = Parameters::parse(&pairs)?;
        let range = parameters.from..parameters.to;
        let rows = Rows::counted(self.store.clone(), range, cx, self.reads.clone()).await?;
        let rows = series::averaged(series::at_least(rows, parameters.min), parameters.window);
        Ok(JsonLines::new(Open::new(series::above(rows, parameters.above), &self.streams)))
    }
}

async fn lines(
    State(web): State<Web>,
    Extension(cx): Extension<Context>,
    pairs: Pairs,
) -> Result<Response, ErrorResponse> {
    use axum::response::IntoResponse as _;
    Ok(web.stream(pairs, cx).await?.into_response())
}

async fn messages(
    origin: Result<SameOrigin, Problem>,
    State(web): State<Web>,
    Extension(cx): Extension<Context>,
    pairs: Pairs,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ErrorResponse> {
    origin.map_err(|_| ErrorResponse::origin())?;
    let upgrade = upgrade.map_err(|error| ErrorResponse::upgrade(&error))?;
    let lines = web.stream(pairs, cx).await?;
    Ok(upgrade.on_upgrade(|socket| socket::send(socket, lines)))
}

async fn stats(State(web): State<Web>) -> Json<Stats> {
    Json(Stats::new(&web.streams, &web.reads, &web.store))
}
