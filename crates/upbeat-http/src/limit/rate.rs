//! How often.

use std::task::{Context as TaskContext, Poll};

use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, MapOk, Ready, TryFutureExt as _, ready};
use http::Request;
use tower::{Layer, Service};
use upbeat::limit::{KeyedRateLimit, Rate, RateLimit};

use super::RequestKey;
use crate::Problem;

/// A layer that lets requests through at a rate, and answers the others with 429, `Retry-After` and a [`Problem`] of the code
/// `rate_limited`.
///
/// ```
/// use axum::{Router, routing::get};
/// use upbeat::limit::Rate;
/// use upbeat_http::{RateLimitLayer, RequestKey};
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello"))
///     // Ten a second for each client, thirty in one go.
///     .layer(RateLimitLayer::each(RequestKey::client(), Rate::per_second(10).burst(30)))
///     // And so many for all of them.
///     .layer(RateLimitLayer::all(Rate::per_second(1_000)));
/// ```
///
/// # Guarantees
///
/// Those of [`RateLimit`] and [`KeyedRateLimit`]: bounded memory, and never more than the rate. A request that is refused costs no token, no
/// call of the service, and no look at its body. Clones share the limit.
///
/// # Compared with `tower::limit::RateLimitLayer`
///
/// That one makes requests wait, without a bound, and knows no keys.
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    limit: Limit,
}

#[derive(Clone, Debug)]
enum Limit {
    All(RateLimit),
    Each(RequestKey, KeyedRateLimit<u64>),
}

impl RateLimitLayer {
    /// One limit for all requests.
    pub fn all(rate: Rate) -> Self {
        Self { limit: Limit::All(RateLimit::new(rate)) }
    }

    /// A limit for each key, of which up to 100,000 are known at the same time.
    pub fn each(key: RequestKey, rate: Rate) -> Self {
        Self { limit: Limit::Each(key, KeyedRateLimit::new(rate)) }
    }

    /// Sets how many keys may be known at the same time: what becomes of more is said at [`KeyedRateLimit`]. One limit for all has no
    /// keys.
    pub fn capacity(mut self, keys: usize) -> Self {
        if let Limit::Each(_, limit) = &mut self.limit {
            *limit = KeyedRateLimit::with_capacity(limit.rate(), keys);
        }
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimited<S>;

    fn layer(&self, service: S) -> RateLimited<S> {
        RateLimited { service, limit: self.limit.clone() }
    }
}

/// The service made by [`RateLimitLayer`].
#[derive(Clone, Debug)]
pub struct RateLimited<S> {
    service: S,
    limit: Limit,
}

impl<S, B> Service<Request<B>> for RateLimited<S>
where
    S: Service<Request<B>, Response: IntoResponse>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response, S::Error>>, MapOk<S::Future, fn(S::Response) -> Response>>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (taken, request) = match &self.limit {
            Limit::All(limit) => (limit.try_acquire(), request),
            Limit::Each(key, limit) => {
                let (key, request) = key.of(request);
                (limit.try_acquire(&key), request)
            }
        };
        match taken {
            Ok(()) => Either::Right(self.service.call(request).map_ok(IntoResponse::into_response)),
            Err(refused) => Either::Left(ready(Ok(Problem::from(refused).into_response()))),
        }
    }
}
