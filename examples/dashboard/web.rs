//! The dashboard itself.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{
        DefaultBodyLimit, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
    middleware::from_fn,
    response::Html,
    routing::{get, post},
};
use futures_util::{TryStreamExt as _, future::try_join_all};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use upbeat::{Context, ContextError, limit::Rate, task::Group};
use upbeat_http::{ConcurrencyLimitLayer, HttpServer, Problem, RateLimitLayer, RequestKey};

use crate::{
    answer::{Dashboard, Piece, Recommendations, Transaction},
    auth::{Caller, authenticate},
    merge::merge,
    settings::Settings,
    upstream::Upstreams,
};

/// How long everything may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How large a body may be.
const LARGEST_BODY: usize = 10 * 1024;
/// How many transactions an answer may have.
const MOST: usize = 100;

#[derive(Clone, Debug)]
struct App {
    client: Client,
    upstreams: Arc<Upstreams>,
    /// How long recommendations may take.
    patience: Duration,
}

/// The server of the dashboard.
pub fn web(settings: &Settings, upstreams: Upstreams) -> HttpServer<Router> {
    let patience = Duration::from_millis(settings.patience);
    let app = App { client: Client::new(), upstreams: Arc::new(upstreams), patience };
    let by_caller = RequestKey::from_fn(|request: &Parts| request.extensions.get::<Caller>().copied());
    let router = Router::new()
        .route("/dashboard", get(dashboard))
        .route("/notes", post(note))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(ConcurrencyLimitLayer::all(settings.at_once))
        // Inside of what refuses tokens that are not known, so there are no more keys than callers.
        .layer(RateLimitLayer::each(by_caller, Rate::per_second(settings.rate)))
        .layer(from_fn(authenticate))
        .route("/", get(async || Html(include_str!("page.html"))))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not_found"))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"))
        .with_state(app);
    HttpServer::bind(&settings.address, router).request_timeout(TIMEOUT)
}

#[derive(Deserialize)]
struct Wish {
    #[serde(default = "ten")]
    transactions: usize,
}

fn ten() -> usize {
    10
}

/// Asks all back ends at the same time. The first that fails ends the others; the client's end ends all.
async fn dashboard(
    State(app): State<App>,
    Extension(cx): Extension<Context>,
    Extension(caller): Extension<Caller>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<Json<Dashboard>, Problem> {
    let most = wish?.transactions;
    if most > MOST {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "too_many_transactions")
            .detail(format!("`transactions` may be {MOST} at most")));
    }
    let group = Group::new(&cx);
    // A task whose answer nobody needs any more lets go of its connection, and its back end sees that.
    let asks = app.clone();
    group.spawn("user", async move |cx| cx.unless_done(asks.user(&cx, caller)).await?);
    let asks = app.clone();
    group.spawn("accounts", async move |cx| cx.unless_done(asks.accounts(&cx, caller)).await?);
    let asks = app.clone();
    group.spawn("recommendations", async move |cx| cx.unless_done(asks.recommendations(&cx, caller)).await?);
    group.spawn("transactions", async move |cx| cx.unless_done(app.transactions(&cx, caller, most)).await?);
    Ok(Json(Dashboard(group.wait().await?)))
}

impl App {
    async fn user(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let user = &self.upstreams.user;
        let known = user.get(&self.client, cx, &format!("/user?name={name}")).await;
        known.map(Piece::User).map_err(|error| user.problem(error))
    }

    async fn accounts(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let accounts = &self.upstreams.accounts;
        let known = accounts.get(&self.client, cx, &format!("/accounts?user={name}")).await;
        known.map(Piece::Accounts).map_err(|error| accounts.problem(error))
    }

    /// Theirs if they come in time, and otherwise what everybody may like.
    async fn recommendations(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let (asking, path) = (cx.with_timeout(self.patience), format!("/recommendations?user={name}"));
        let theirs = self.upstreams.recommendations.get(&self.client, &asking, &path);
        let degraded = match asking.unless_done(theirs).await {
            Ok(Ok(items)) => return Ok(Piece::Recommendations(Recommendations { items, degraded: None })),
            Err(ContextError::DeadlineExceeded) => "timed out",
            Err(canceled) => return Err(canceled.into()),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no recommendations");
                "unavailable"
            }
        };
        let items = ["tea", "bread"].map(str::to_owned).into();
        Ok(Piece::Recommendations(Recommendations { items, degraded: Some(degraded) }))
    }

    /// The latest of all sources.
    async fn transactions(&self, cx: &Context, Caller(name): Caller, most: usize) -> Result<Piece, Problem> {
        let path = format!("/transactions?user={name}");
        let streams = self.upstreams.transactions.iter().map(async |upstream| {
            let lines = upstream.lines::<Transaction>(&self.client, cx, &path).await;
            let lines = lines.map_err(|error| upstream.problem(error))?;
            Ok::<_, Problem>(lines.map_err(|error| upstream.problem(error)))
        });
        let merged = merge(try_join_all(streams).await?, |transaction| transaction.time, most).await?;
        Ok(Piece::Transactions(merged))
    }
}

#[derive(Deserialize)]
struct Note {
    text: String,
}

async fn note(
    Extension(Caller(name)): Extension<Caller>,
    note: Result<Json<Note>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Json(note) = note?;
    if note.text.trim().is_empty() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_note")
            .detail("the note cannot be taken")
            .field("#/text", "must not be empty"));
    }
    Ok((StatusCode::CREATED, Json(json!({ "user": name, "characters": note.text.chars().count() }))))
}
