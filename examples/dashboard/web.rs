//! The server of the dashboard.

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

/// The timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum size of a body in bytes.
const MAX_BODY: usize = 10 * 1024;
/// The maximum number of transactions in an answer.
const MAX_TRANSACTIONS: usize = 100;

#[derive(Clone, Debug)]
struct App {
    client: Client,
    upstreams: Arc<Upstreams>,
    /// The timeout of recommendations.
    recommendations_timeout: Duration,
}

/// Returns the server of the dashboard.
pub fn web(settings: &Settings, upstreams: Upstreams) -> HttpServer<Router> {
    let recommendations_timeout = Duration::from_millis(settings.recommendations_timeout);
    let app = App { client: Client::new(), upstreams: Arc::new(upstreams), recommendations_timeout };
    let by_caller = RequestKey::from_fn(|request: &Parts| request.extensions.get::<Caller>().copied());
    let router = Router::new()
        .route("/dashboard", get(dashboard))
        .route("/notes", post(note))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(ConcurrencyLimitLayer::all(settings.max_requests))
        // Requests with an unknown token are rejected first, so there are no more keys than users.
        .layer(RateLimitLayer::each(by_caller, Rate::per_second(settings.rate)))
        .layer(from_fn(authenticate))
        .route("/", get(async || Html(include_str!("page.html"))))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not_found"))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"))
        .with_state(app);
    HttpServer::bind(&settings.address, router).request_timeout(TIMEOUT)
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default = "ten")]
    transactions: usize,
}

fn ten() -> usize {
    10
}

/// Queries all back ends concurrently. If one fails or the client disconnects, the other requests
/// are cancelled.
async fn dashboard(
    State(app): State<App>,
    Extension(cx): Extension<Context>,
    Extension(caller): Extension<Caller>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Json<Dashboard>, Problem> {
    let max = parameters?.transactions;
    if max > MAX_TRANSACTIONS {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "too_many_transactions")
            .detail(format!("`transactions` may be at most {MAX_TRANSACTIONS}")));
    }
    let group = Group::new(&cx);
    // A cancelled task drops its connection, which also cancels the request at the back end.
    let user = app.clone();
    group.spawn("user", async move |cx| cx.unless_done(user.user(&cx, caller)).await?);
    let accounts = app.clone();
    group.spawn("accounts", async move |cx| cx.unless_done(accounts.accounts(&cx, caller)).await?);
    let recommendations = app.clone();
    group
        .spawn("recommendations", async move |cx| cx.unless_done(recommendations.recommendations(&cx, caller)).await?);
    group.spawn("transactions", async move |cx| cx.unless_done(app.transactions(&cx, caller, max)).await?);
    Ok(Json(Dashboard(group.wait().await?)))
}

impl App {
    async fn user(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let user = &self.upstreams.user;
        let response = user.get(&self.client, cx, &format!("/user?name={name}")).await;
        response.map(Piece::User).map_err(|error| user.problem(error))
    }

    async fn accounts(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let accounts = &self.upstreams.accounts;
        let response = accounts.get(&self.client, cx, &format!("/accounts?user={name}")).await;
        response.map(Piece::Accounts).map_err(|error| accounts.problem(error))
    }

    /// Returns the recommendations for the user, or the default ones if they fail or time out.
    async fn recommendations(&self, cx: &Context, Caller(name): Caller) -> Result<Piece, Problem> {
        let (cx, path) = (cx.with_timeout(self.recommendations_timeout), format!("/recommendations?user={name}"));
        let request = self.upstreams.recommendations.get(&self.client, &cx, &path);
        let degraded = match cx.unless_done(request).await {
            Ok(Ok(items)) => return Ok(Piece::Recommendations(Recommendations { items, degraded: None })),
            Err(ContextError::DeadlineExceeded) => "timed out",
            Err(cancelled) => return Err(cancelled.into()),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no recommendations");
                "unavailable"
            }
        };
        let items = ["tea", "bread"].map(str::to_owned).into();
        Ok(Piece::Recommendations(Recommendations { items, degraded: Some(degraded) }))
    }

    /// Returns the latest transactions of all sources.
    async fn transactions(&self, cx: &Context, Caller(name): Caller, max: usize) -> Result<Piece, Problem> {
        let path = format!("/transactions?user={name}");
        let streams = self.upstreams.transactions.iter().map(async |upstream| {
            let lines = upstream.lines::<Transaction>(&self.client, cx, &path).await;
            let lines = lines.map_err(|error| upstream.problem(error))?;
            Ok::<_, Problem>(lines.map_err(|error| upstream.problem(error)))
        });
        let merged = merge(try_join_all(streams).await?, |transaction| transaction.time, max).await?;
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
            .detail("invalid note")
            .field("#/text", "must not be empty"));
    }
    Ok((StatusCode::CREATED, Json(json!({ "user": name, "characters": note.text.chars().count() }))))
}
