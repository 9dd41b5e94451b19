//! The back ends: small, and real servers all the same.

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

/// The latest transaction of everybody, in seconds since 1970.
const NOW: u64 = 1_800_000_000;
/// How long a recommendation takes that is slow.
const SLOW: Duration = Duration::from_millis(400);

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Of {
    user: String,
}

/// `GET /user?name=NAME`: who somebody is.
pub fn user() -> Router {
    let user = async |Query(Named { name }): Query<Named>| {
        tracing::info!("who is {name}");
        let full_name = format!("{} of the Examples", name.to_uppercase());
        Json(User { name, full_name })
    };
    Router::new().route("/user", get(user))
}

/// `GET /accounts?user=NAME`: what somebody has.
pub fn accounts() -> Router {
    let accounts = async |Query(Of { user }): Query<Of>| {
        tracing::info!("accounts of {user}");
        let mut random = random(&user);
        let account = |number| Account { number: format!("{user}-{number}"), cents: random.i64(-50_000..5_000_000) };
        Json((1..=2).map(account).collect::<Vec<_>>())
    };
    Router::new().route("/accounts", get(accounts))
}

/// `GET /recommendations?user=NAME`: what somebody may like. Every third answer takes its time.
pub fn recommendations() -> Router {
    let asked = Arc::new(AtomicU64::new(0));
    let recommendations = async move |Query(Of { user }): Query<Of>| {
        tracing::info!("recommendations for {user}");
        if asked.fetch_add(1, Relaxed) % 3 == 2 {
            let mut waits = Waits { user: &user, answered: false };
            tokio::time::sleep(SLOW).await;
            waits.answered = true;
        }
        Json([format!("what {user} liked last time"), "tea".to_owned()])
    };
    Router::new().route("/recommendations", get(recommendations))
}

/// Somebody waits for an answer. Dropped before there is one, with the handler: the server does that when the client goes.
struct Waits<'a> {
    user: &'a str,
    answered: bool,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.answered {
            tracing::info!("nobody waits for the recommendations for {} any more", self.user);
        }
    }
}

/// `GET /transactions?user=NAME`: what somebody paid and received, a line of JSON for each, the latest first, without an end.
///
/// It goes on for as long as somebody reads: a line is made when there is room for it on the way.
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

/// The same for the same words, so that everybody has something of their own.
fn random(words: &str) -> fastrand::Rng {
    let seed = words.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    fastrand::Rng::with_seed(seed)
}
