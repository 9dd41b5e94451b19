//! How many at once.

use std::{
    mem,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use tower::{Layer, Service};
use upbeat::{
    Context, ContextError,
    limit::{Busy, ConcurrencyLimit, KeyedConcurrencyLimit, KeyedPermit, Permit},
};

use super::{RequestKey, held::Held};
use crate::Problem;

/// A layer that lets so many requests through at the same time, and answers the others with 503, `Retry-After` and a [`Problem`] of the code
/// `busy`: at once, or after a [wait](ConcurrencyLimitLayer::wait).
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::get};
/// use upbeat_http::{ConcurrencyLimitLayer, RequestKey};
///
/// let app: Router = Router::new()
///     .route("/report", get(async || "…"))
///     // Two for each client, who is told at once,
///     .layer(ConcurrencyLimitLayer::each(RequestKey::client(), 2))
///     // and a hundred for all, with a little patience.
///     .layer(ConcurrencyLimitLayer::all(100).wait(Duration::from_millis(200)));
/// ```
///
/// # Guarantees
///
/// - A request counts from before the service is called until its answer has gone out, body included.
/// - Those who wait are served in the order of their coming, and one whose client goes takes no place.
/// - Clones share the limit. A key that no request has needs no memory.
///
/// # Not guaranteed
///
/// There is no bound on how many wait; each waits no longer than it is told to. What an upgraded connection does, such as a web socket, is not counted.
///
/// # Compared with `tower::limit::ConcurrencyLimitLayer`
///
/// That one makes requests wait without a bound, or refuses them with an error that is to be turned into an answer elsewhere (`load_shed`), knows no keys,
/// and lets go of the place when the answer's head is there.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    limit: Limit,
    wait: Duration,
    retry_after: Duration,
}

#[derive(Clone, Debug)]
enum Limit {
    All(ConcurrencyLimit),
    Each(RequestKey, KeyedConcurrencyLimit<u64>),
}

impl ConcurrencyLimitLayer {
    /// `most` requests at the same time, at least one.
    pub fn all(most: usize) -> Self {
        Self::new(Limit::All(ConcurrencyLimit::new(most)))
    }

    /// `most` requests of each key at the same time, at least one.
    pub fn each(key: RequestKey, most: usize) -> Self {
        Self::new(Limit::Each(key, KeyedConcurrencyLimit::new(most)))
    }

    fn new(limit: Limit) -> Self {
        Self { limit, wait: Duration::ZERO, retry_after: Duration::from_secs(1) }
    }

    /// Lets a request wait so long for a place. Default: not at all.
    pub fn wait(mut self, most: Duration) -> Self {
        self.wait = most;
        self
    }

    /// Sets when those who are refused are told to come again. Default: after a second.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimited<S>;

    fn layer(&self, service: S) -> ConcurrencyLimited<S> {
        ConcurrencyLimited { service, layer: self.clone() }
    }
}

/// The service made by [`ConcurrencyLimitLayer`].
#[derive(Clone, Debug)]
pub struct ConcurrencyLimited<S> {
    service: S,
    layer: ConcurrencyLimitLayer,
}

impl<S, B> Service<Request<B>> for ConcurrencyLimited<S>
where
    S: Service<Request<B>, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was polled is ready; its clone may not be.
        let clone = self.service.clone();
        let mut service = mem::replace(&mut self.service, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (place, request) = match layer.place(request).await {
                Ok(entered) => entered,
                Err(refused) => return Ok(refused.into_response()),
            };
            let response = service.call(request).await?.into_response();
            Ok(response.map(|body| Body::new(Held::new(body, place))))
        })
    }
}

/// Held, never looked at.
enum Place {
    All(#[expect(dead_code, reason = "held until dropped")] Permit),
    Each(#[expect(dead_code, reason = "held until dropped")] KeyedPermit<u64>),
}

impl ConcurrencyLimitLayer {
    async fn place<B>(&self, request: Request<B>) -> Result<(Place, Request<B>), Problem> {
        let cx = request.extensions().get::<Context>().cloned().unwrap_or_else(Context::background);
        match &self.limit {
            Limit::All(limit) => {
                let place = match limit.try_acquire() {
                    Err(busy) => self.patient(&cx, busy, async |cx| limit.acquire(&cx).await).await?,
                    Ok(place) => place,
                };
                Ok((Place::All(place), request))
            }
            Limit::Each(key, limit) => {
                let (key, request) = key.of(request);
                let place = match limit.try_acquire(&key) {
                    Err(busy) => self.patient(&cx, busy, async |cx| limit.acquire(&cx, &key).await).await?,
                    Ok(place) => place,
                };
                Ok((Place::Each(place), request))
            }
        }
    }

    /// Waits for a place as long as it may.
    async fn patient<T>(
        &self,
        request: &Context,
        busy: Busy,
        acquire: impl AsyncFnOnce(Context) -> Result<T, ContextError>,
    ) -> Result<T, Problem> {
        let busy = || Problem::from(busy).retry_after(self.retry_after);
        if self.wait.is_zero() {
            return Err(busy());
        }
        acquire(request.with_timeout(self.wait)).await.map_err(|error| match error {
            ContextError::DeadlineExceeded => busy(),
            error => error.into(),
        })
    }
}
