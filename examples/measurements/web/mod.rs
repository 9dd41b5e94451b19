//! The stream on the network.

mod open;
mod refusal;
mod socket;
mod wanted;

use axum::{
    Extension, Json, Router,
    extract::{Query, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    response::Response,
    routing::get,
};
use futures_util::Stream;
use upbeat::Context;
use upbeat_http::JsonLines;

use crate::{Averaged, Fault, Reads, Rows, Store, series};
use open::{Open, Stats, Streams};
use refusal::Refusal;
use wanted::Wanted;

/// The measurements of a store, for HTTP.
///
/// | | |
/// |---|---|
/// | `GET /measurements` | JSON lines, chunked |
/// | `GET /measurements/ws` | the same lines as messages of a web socket, some in each; closed with 1000 after the last |
/// | `GET /stats` | how many streams are open, how many rows were read, and the connections to the database |
///
/// Parameters of a stream, none of which is needed: `from` and `to` (a time as `2026-01-01T12:00:00Z`; `to` is not included), `min` (of a value), `window` (of the
/// moving average, in rows; 1 if not set, 100,000 at most), `above` (of the average).
///
/// A line is an [`Averaged`], or `{"error": …}` with a [`Fault`]. What is known before the first line is answered with a status of its
/// own and `{"error": {"code", "status", "message", "field"}}`: 400 for a bad parameter, 503 with `retry-after` for a database that is locked or away, 500 for one that
/// refuses the query.
///
/// When its client goes, a stream is dropped, and what it has asked of the database with it. When the server stops, it ends
/// with an entry that says so; over WebSocket the close code 1001 does.
#[derive(Clone, Debug)]
pub struct Web {
    store: Store,
    streams: Streams,
    reads: Reads,
}

/// Any query is some of these.
type Pairs = Query<Vec<(String, String)>>;

impl Web {
    /// Of this store.
    pub fn new(store: Store) -> Self {
        Self { store, streams: Streams::default(), reads: Reads::default() }
    }

    /// For an [`HttpServer`](upbeat_http::HttpServer), which gives each request the [`Context`] that is needed here.
    pub fn router(self) -> Router {
        Router::new()
            .route("/measurements", get(lines))
            .route("/measurements/ws", get(messages))
            .route("/stats", get(stats))
            .fallback(async || Refusal::not_found())
            .method_not_allowed_fallback(async || Refusal::method())
            .with_state(self)
    }

    /// What is asked for, once its first page is there.
    async fn stream(
        &self,
        pairs: Pairs,
        cx: Context,
    ) -> Result<JsonLines<impl Stream<Item = Result<Averaged, Fault>> + Send + use<>>, Refusal> {
        let wanted = Wanted::parse(&pairs)?;
        let rows = Rows::counted(self.store.clone(), wanted.from..wanted.to, cx, self.reads.clone()).await?;
        let rows = series::averaged(series::at_least(rows, wanted.min), wanted.window);
        Ok(JsonLines::new(Open::new(series::above(rows, wanted.above), &self.streams)))
    }
}

async fn lines(State(web): State<Web>, Extension(cx): Extension<Context>, pairs: Pairs) -> Result<Response, Refusal> {
    use axum::response::IntoResponse as _;
    Ok(web.stream(pairs, cx).await?.into_response())
}

async fn messages(
    State(web): State<Web>,
    Extension(cx): Extension<Context>,
    pairs: Pairs,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|error| Refusal::upgrade(&error))?;
    let lines = web.stream(pairs, cx).await?;
    Ok(upgrade.on_upgrade(|socket| socket::send(socket, lines)))
}

async fn stats(State(web): State<Web>) -> Json<Stats> {
    Json(Stats::new(&web.streams, &web.reads, &web.store))
}
