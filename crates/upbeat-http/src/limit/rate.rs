//! The rate limit.

use std::task::{Context as TaskContext, Poll};

use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, MapOk, Ready, TryFutureExt as _, ready};
use http::Request;
use tower::{Layer, Service};
use upbeat::limit::{KeyedRateLimit, Rate, RateLimit};

use super::RequestKey;
use crate::problem::Problem;

/// A layer that limits the rate of requests.
///
/// It rejects the others with status 429, `Retry-After`, and a [`Problem`] with the code
/// `rate_limited`.
///
/// ```
/// use axum::{Router, routing::get};
/// use upbeat::limit::Rate;
/// use upbeat_http::{RateLimitLayer, RequestKey};
///
/// let app: Router = Router::new()
///     .route("/", get(async || "hello"))
///     // Ten per second for each client, with bursts of thirty.
///     .layer(RateLimitLayer::each(RequestKey::client(), Rate::per_second(10).burst(30)))
///     // A thousand per second for all clients.
///     .layer(RateLimitLayer::all(Rate::per_second(1_000)));
/// ```
///
/// # Guarantees
///
/// Those of [`RateLimit`] and [`KeyedRateLimit`]: bounded memory, and never more than the rate. A
/// rejected request takes no token, does not call the service, and does not read the body. Clones
/// share the limit.
///
/// # Compared with `tower::limit::RateLimitLayer`
///
/// That layer makes requests wait without a bound, and it has no keys.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing unless it wraps a service"]
pub struct RateLimitLayer {
    limit: RateScope,
}

#[derive(Clone, Debug)]
enum RateScope {
    All(RateLimit),
    Each(RequestKey, KeyedRateLimit<u64>),
}

impl RateLimitLayer {
    /// Creates one limit for all requests.
    pub fn all(rate: Rate) -> Self {
        Self { limit: RateScope::All(RateLimit::new(rate)) }
    }

    /// Creates a limit for each key, of which up to 100,000 are stored.
    pub fn each(key: RequestKey, rate: Rate) -> Self {
        Self { limit: RateScope::Each(key, KeyedRateLimit::new(rate)) }
    }

    /// Sets the number of keys that are stored. Default: 100,000.
    ///
    /// [`KeyedRateLimit`] documents the effect of more keys. Without keys, this has no effect.
    pub fn max_keys(mut self, keys: usize) -> Self {
        if let RateScope::Each(_, limit) = &mut self.limit {
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

/// The service of a [`RateLimitLayer`].
#[derive(Clone, Debug)]
pub struct RateLimited<S> {
    service: S,
    limit: RateScope,
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
            RateScope::All(limit) => (limit.try_acquire(), request),
            RateScope::Each(key, limit) => {
                let (key, request) = key.of(request);
                (limit.try_acquire(&key), request)
            }
        };
        match taken {
            Ok(()) => Either::Right(self.service.call(request).map_ok(IntoResponse::into_response)),
            Err(error) => Either::Left(ready(Ok(Problem::from(error).into_response()))),
        }
    }
}
