//! The concurrency limit.

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

use super::{RequestKey, holding_body::HoldingBody};
use crate::problem::Problem;

/// A layer that limits the number of concurrent requests.
///
/// It rejects the others with status 503, `Retry-After`, and a [`Problem`] with the code `busy`. It
/// does so at once, or after a [queue timeout](ConcurrencyLimitLayer::queue_timeout).
///
/// ```
/// use std::time::Duration;
/// use axum::{Router, routing::get};
/// use upbeat_http::{ConcurrencyLimitLayer, RequestKey};
///
/// let app: Router = Router::new()
///     .route("/report", get(async || "…"))
///     // Two for each client, rejecting at once.
///     .layer(ConcurrencyLimitLayer::each(RequestKey::client(), 2))
///     // A hundred for all clients, queueing for up to 200 ms.
///     .layer(ConcurrencyLimitLayer::all(100).queue_timeout(Duration::from_millis(200)));
/// ```
///
/// # Guarantees
///
/// - A request holds its permit from before the call of the service until its response was sent,
///   including the body: until the kernel, or with HTTP/2 the client's window, has taken the last
///   byte. A client that does not read loses its permit by
///   [`HttpServer::transfer_timeout`](crate::HttpServer::transfer_timeout).
/// - Permits are granted in the order of arrival. If the client disconnects while it waits, the
///   request takes no permit.
/// - Clones share the limit. A key without requests needs no memory.
///
/// # Not guaranteed
///
/// The number of waiting requests is not bounded, only the time for which each waits. An upgraded
/// connection, such as a WebSocket, is not counted.
///
/// A handler that sends a request to a route behind the same limit holds its own permit while the
/// inner request waits for another. Once all permits are held so, the inner requests are rejected
/// after the queue timeout, and until then the outer ones wait. Call the function behind the route
/// instead of the route. The dump of the diagnostics lists both requests with their locations: the
/// outer one in its client, and the inner one at the wait for its permit.
///
/// # Compared with `tower::limit::ConcurrencyLimitLayer`
///
/// That layer makes requests wait without a bound, or rejects them with an error that another layer
/// must convert (`load_shed`). It has no keys, and it releases the permit with the response's head.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing unless it wraps a service"]
pub struct ConcurrencyLimitLayer {
    limit: ConcurrencyScope,
    queue_timeout: Duration,
    retry_after: Duration,
}

#[derive(Clone, Debug)]
enum ConcurrencyScope {
    All(ConcurrencyLimit),
    Each(RequestKey, KeyedConcurrencyLimit<u64>),
}

impl ConcurrencyLimitLayer {
    /// Creates a limit of `max` concurrent requests, at least one.
    pub fn all(max: usize) -> Self {
        Self::new(ConcurrencyScope::All(ConcurrencyLimit::new(max)))
    }

    /// Creates a limit of `max` concurrent requests for each key, at least one.
    pub fn each(key: RequestKey, max: usize) -> Self {
        Self::new(ConcurrencyScope::Each(key, KeyedConcurrencyLimit::new(max)))
    }

    fn new(limit: ConcurrencyScope) -> Self {
        Self { limit, queue_timeout: Duration::ZERO, retry_after: Duration::from_secs(1) }
    }

    /// Sets the time for which a request waits for a permit. Default: zero.
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = timeout;
        self
    }

    /// Sets the `Retry-After` of rejected requests. Default: one second.
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

/// The service of a [`ConcurrencyLimitLayer`].
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
        // The service that was polled is ready. Its clone may not be.
        let clone = self.service.clone();
        let mut service = mem::replace(&mut self.service, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (permit, request) = match layer.permit(request).await {
                Ok(admitted) => admitted,
                Err(problem) => return Ok(problem.into_response()),
            };
            let response = service.call(request).await?.into_response();
            Ok(response.map(|body| Body::new(HoldingBody::new(body, permit))))
        })
    }
}

/// The permit of a request, held until it is dropped.
enum RequestPermit {
    All(#[expect(dead_code, reason = "held until dropped")] Permit),
    Each(#[expect(dead_code, reason = "held until dropped")] KeyedPermit<u64>),
}

impl ConcurrencyLimitLayer {
    async fn permit<B>(&self, request: Request<B>) -> Result<(RequestPermit, Request<B>), Problem> {
        let cx = request.extensions().get::<Context>().cloned().unwrap_or_else(Context::background);
        match &self.limit {
            ConcurrencyScope::All(limit) => {
                let permit = match limit.try_acquire() {
                    Err(busy) => self.queue(&cx, busy, async |cx| limit.acquire(&cx).await).await?,
                    Ok(permit) => permit,
                };
                Ok((RequestPermit::All(permit), request))
            }
            ConcurrencyScope::Each(key, limit) => {
                let (key, request) = key.of(request);
                let permit = match limit.try_acquire(&key) {
                    Err(busy) => self.queue(&cx, busy, async |cx| limit.acquire(&cx, &key).await).await?,
                    Ok(permit) => permit,
                };
                Ok((RequestPermit::Each(permit), request))
            }
        }
    }

    /// Waits for a permit until the queue timeout.
    async fn queue<T>(
        &self,
        request: &Context,
        busy: Busy,
        acquire: impl AsyncFnOnce(Context) -> Result<T, ContextError>,
    ) -> Result<T, Problem> {
        let busy = || Problem::from(busy).retry_after(self.retry_after);
        if self.queue_timeout.is_zero() {
            return Err(busy());
        }
        acquire(request.with_timeout(self.queue_timeout)).await.map_err(|error| match error {
            ContextError::DeadlineExceeded => busy(),
            error => error.into(),
        })
    }
}
