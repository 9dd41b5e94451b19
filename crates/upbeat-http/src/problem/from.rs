//! Which errors have an answer of their own.

use std::time::Duration;

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection, StringRejection};
use http::StatusCode;
use upbeat::{
    BoxError, ContextError,
    monitor::CallError,
    task::{GroupError, TrackerClosed},
};

use super::Problem;

/// When to come again to something that is busy or stopping, and cannot say when it will not be.
const SOON: Duration = Duration::from_secs(1);

impl From<BoxError> for Problem {
    /// The problem, if the error is one; otherwise an internal one.
    fn from(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(problem) => *problem,
            Err(error) => Self::internal(error),
        }
    }
}

#[cfg(feature = "anyhow")]
impl From<anyhow::Error> for Problem {
    /// The problem, if there is one below whatever context was added to it; otherwise an internal one.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Self>() {
            Some(problem) => problem.clone(),
            None => Self::internal(error),
        }
    }
}

impl<T: Send + Sync + 'static> From<GroupError<T>> for Problem {
    /// The problem that the first of the tasks failed with, if it was one; otherwise an internal one.
    fn from(error: GroupError<T>) -> Self {
        let first = error.failures().first();
        match first.and_then(|first| first.error.downcast_ref::<Self>()) {
            Some(problem) => problem.clone(),
            None => Self::internal(error),
        }
    }
}

impl From<ContextError> for Problem {
    /// 503 with the code `timed_out` or `canceled`.
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::DeadlineExceeded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out").detail("it took too long").retry_after(SOON)
            }
            // Mostly because the client has gone: no failure, and nobody reads it.
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "canceled").detail("the request was canceled"),
        }
    }
}

impl From<CallError> for Problem {
    /// 503 with the code `busy`, 504 with the code `timed_out`, or an internal one.
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Busy { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy").detail("what this needs is busy").retry_after(SOON)
            }
            CallError::TimedOut { .. } => Self::new(StatusCode::GATEWAY_TIMEOUT, "timed_out")
                .detail("what this needs did not answer in time")
                .because(error),
            _ => Self::internal(error),
        }
    }
}

impl From<TrackerClosed> for Problem {
    /// 503 with the code `stopping`.
    fn from(_: TrackerClosed) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping").detail("the service stops").retry_after(SOON)
    }
}

#[cfg(feature = "limit")]
impl From<upbeat::limit::RateLimitError> for Problem {
    /// 429 with the code `rate_limited`, and the time after which to come again.
    fn from(refused: upbeat::limit::RateLimitError) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
            .detail("too many requests")
            .retry_after(refused.retry_after)
    }
}

#[cfg(feature = "limit")]
impl From<upbeat::limit::Busy> for Problem {
    /// 503 with the code `busy`.
    fn from(_: upbeat::limit::Busy) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy").detail("too many requests at once").retry_after(SOON)
    }
}

/// The status of a rejection and its text, which axum writes for clients. A 500 among them is a mistake in the service, and internal.
fn rejected(code: &'static str, status: StatusCode, text: String, rejection: impl Into<BoxError>) -> Problem {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => Problem::internal(rejection),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "body_too_large").detail("the body is too large"),
        _ => Problem::new(status, code).detail(text),
    }
}

/// Rejections of extractors.
macro_rules! rejections {
    ($($rejection:ty => $code:literal),* $(,)?) => {$(
        impl From<$rejection> for Problem {
            /// The status and the text of axum's own answer.
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
