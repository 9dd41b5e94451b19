use std::time::Duration;

use axum::{
    Json,
    extract::ws::rejection::WebSocketUpgradeRejection,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::StoreError;

/// An error response, before any line of a stream.
#[derive(Debug)]
pub(super) struct ErrorResponse {
    error: ErrorBody,
    retry_after: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    code: &'static str,
    status: u16,
    message: String,
    /// The invalid parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl ErrorResponse {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let error = ErrorBody { code, status: status.as_u16(), message: message.into(), field: None };
        Self { error, retry_after: None }
    }

    /// Returns the error of an invalid parameter. `problem` follows its name in the message.
    pub(super) fn parameter(name: &str, problem: &str) -> Self {
        let mut response = Self::new(StatusCode::BAD_REQUEST, "bad_parameter", format!("`{name}` {problem}"));
        response.error.field = Some(name.to_owned());
        response
    }

    pub(super) fn origin() -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_origin", "pages of other sites cannot read the measurements")
    }

    pub(super) fn upgrade(error: &WebSocketUpgradeRejection) -> Self {
        Self::new(error.status(), "no_websocket", error.body_text())
    }

    pub(super) fn not_found() -> Self {
        let message = "no such path, try /measurements, /measurements/ws or /stats";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "method not allowed, use GET")
    }
}

impl From<StoreError> for ErrorResponse {
    /// Converts a database error. Its source names tables, files and users, so it is only logged.
    fn from(error: StoreError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "stream rejected, database failed");
        let (status, code) = match error {
            StoreError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_busy"),
            StoreError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
            StoreError::InvalidUrl { .. } | StoreError::Rejected(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "query_rejected")
            }
        };
        Self { retry_after: error.retry_after(), ..Self::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: ErrorBody,
        }
        let mut headers = HeaderMap::new();
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        let status = StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, headers, Json(Body { error: self.error })).into_response()
    }
}
