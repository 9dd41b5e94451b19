//! The back ends: small servers.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Json, Router, body::Body, extract::Query, response::IntoResponse, routing::get};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;

use crate::answer::{Account, Transaction, User};

/// The time of the latest transactions, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
/// The delay of slow recommendations.
const SLOW: Duration = Duration::from_millis(400);

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Of {
    user: String,
}

/// Serves `GET /user?name=NAME`: the user.
pub fn user() -> Router {
    let user = async |Query(Named { name }): Query<Named>| {
        tracing::info!("user {name}");
        let full_name = format!("{} of the Examples", name.to_uppercase());
        Json(User { name, full_name })
    };
    Router::new().route("/user", get(user))
}

/// Serves `GET /accounts?user=NAME`: the accounts of a user.
pub fn accounts() -> Router {
    let accounts = async |Query(Of { user }): Query<Of>| {
        tracing::info!("accounts of {user}");
        let mut random = random(&user);
        let account = |number| Account { number: format!("{user}-{number}"), cents: random.i64(-50_000..5_000_000) };
        Json((1..=2).map(account).collect::<Vec<_>>())
    };
    Router::new().route("/accounts", get(accounts))
}

/// Serves `GET /recommendations?user=NAME`: recommendations for a user. Every third response is
/// slow.
pub fn recommendations() -> Router {
    let requests = Arc::new(AtomicU64::new(0));
    let recommendations = async move |Query(Of { user }): Query<Of>| {
        tracing::info!("recommendations for {user}");
        if requests.fetch_add(1, Relaxed) % 3 == 2 {
            let mut response = SlowResponse { user: &user, sent: false };
            tokio::time::sleep(SLOW).await;
            response.sent = true;
        }
        Json([format!("the favorites of {user}"), "tea".to_owned()])
    };
    Router::new().route("/recommendations", get(recommendations))
}

/// A slow response. If the client disconnects, the server drops the handler, and this with it.
struct SlowResponse<'a> {
    user: &'a str,
    sent: bool,
}

impl Drop for SlowResponse<'_> {
    fn drop(&mut self) {
        if !self.sent {
            tracing::info!("client disconnected before its recommendations for {}", self.user);
        }
    }
}

/// Serves `GET /transactions?user=NAME`: an endless stream of transactions as JSON lines, the
/// latest first.
///
/// A line is produced once the client has read enough of the previous ones.
pub fn transactions(source: &'static str) -> Router {
    let transactions = async move |Query(Of { user }): Query<Of>| {
        tracing::info!("transactions of {user}");
        let random = random(&format!("{user} {source}"));
        let lines = stream::unfold((random, NOW), move |(mut random, after)| async move {
            let time = after.saturating_sub(random.u64(1..86_400));
            let transaction = Transaction { time, source: source.to_owned(), cents: random.i64(-20_000..20_000) };
            let mut line = serde_json::to_vec(&transaction).unwrap_or_default();
            line.push(b'\n');
            Some((Ok::<_, Infallible>(Bytes::from(line)), (random, time)))
        });
        ([("content-type", "application/x-ndjson")], Body::from_stream(lines)).into_response()
    };
    Router::new().route("/transactions", get(transactions))
}

/// Returns a generator that is seeded with a text, so that each user has different data.
fn random(text: &str) -> fastrand::Rng {
    let seed = text.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    fastrand::Rng::with_seed(seed)
}
