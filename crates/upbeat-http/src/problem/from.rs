//! Conversions of errors to problems.

use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection, StringRejection};
use http::StatusCode;
use upbeat::{
    BoxError, ContextError,
    monitor::CallError,
    task::{GroupError, TrackerClosed},
};

use super::Problem;

/// The delay after which a client should retry if the end of the condition is not known.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl From<BoxError> for Problem {
    /// Returns the problem if the error is one, otherwise an internal problem.
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(problem) => *problem,
            Err(error) => Self::internal(error),
        }
    }
}

#[cfg(feature = "anyhow")]
impl From<anyhow::Error> for Problem {
    /// Returns the problem if the error is one below its added context, otherwise an internal
    /// problem.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Self>() {
            Some(problem) => problem.clone(),
            None => Self::internal(error),
        }
    }
}

impl<T: Send + Sync + 'static> From<GroupError<T>> for Problem {
    /// Returns the problem with which the first task has failed, otherwise an internal problem.
    fn from(error: GroupError<T>) -> Self {
        let first = error.failures().first();
        match first.and_then(|first| first.error.downcast_ref::<Self>()) {
            Some(problem) => problem.clone(),
            None => Self::internal(error),
        }
    }
}

impl From<ContextError> for Problem {
    /// Returns status 503 with the code `timed_out` or `canceled`.
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::DeadlineExceeded => Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out")
                .detail("the request timed out")
                .retry_after(RETRY_AFTER),
            // Mostly the client has disconnected: this is no failure, and the response is not read.
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "canceled").detail("the request was canceled"),
        }
    }
}

impl From<CallError> for Problem {
    /// Returns status 503 with the code `busy`, 504 with the code `timed_out`, or an internal
    /// problem.
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Busy { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
                .detail("a dependency is overloaded")
                .retry_after(RETRY_AFTER),
            CallError::TimedOut { .. } => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "timed_out").detail("a dependency timed out").with_source(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<TrackerClosed> for Problem {
    /// Returns status 503 with the code `stopping`.
    fn from(_: TrackerClosed) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping")
            .detail("the service is shutting down")
            .retry_after(RETRY_AFTER)
    }
}

#[cfg(feature = "limit")]
impl From<upbeat::limit::RateLimitError> for Problem {
    /// Returns status 429 with the code `rate_limited` and the time after which to retry.
    fn from(error: upbeat::limit::RateLimitError) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
            .detail("too many requests")
            .retry_after(error.retry_after)
    }
}

#[cfg(feature = "limit")]
impl From<upbeat::limit::Busy> for Problem {
    /// Returns status 503 with the code `busy`.
    fn from(_: upbeat::limit::Busy) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
            .detail("too many concurrent requests")
            .retry_after(RETRY_AFTER)
    }
}

/// Returns a problem with the status and the text of a rejection, which axum writes for clients.
///
/// A rejection with status 500 is a bug in the service, and internal.
fn rejected(code: &'static str, status: StatusCode, text: String, rejection: impl Into<BoxError>) -> Problem {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(rejection),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "body_too_large").detail("the body is too large"),
        _ => Problem::new(status, code).detail(text),
    }
}

/// Converts rejections of extractors.
macro_rules! rejections {
    ($($rejection:ty => $code:literal),* $(,)?) => {$(
        impl From<$rejection> for Problem {
            /// Returns the status and the text of axum's own response.
            fn from(rejection: $rejection) -> Self {
                rejected($code, rejection.status(), rejection.body_text(), rejection)
            }
        }
    )*};
}

rejections! {
    JsonRejection => "invalid_body",
    BytesRejection => "invalid_body",
    StringRejection => "invalid_body",
    QueryRejection => "invalid_query",
    PathRejection => "invalid_path",
}
