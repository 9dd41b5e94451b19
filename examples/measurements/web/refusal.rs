use std::time::Duration;

use axum::{
    Json,
    extract::ws::rejection::WebSocketUpgradeRejection,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::StoreError;

/// An answer of what is wrong, before any line of a stream.
#[derive(Debug)]
pub(super) struct Refusal {
    error: Wrong,
    retry_after: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct Wrong {
    code: &'static str,
    status: u16,
    message: String,
    /// The parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let error = Wrong { code, status: status.as_u16(), message: message.into(), field: None };
        Self { error, retry_after: None }
    }

    /// `what` goes on behind the parameter's name.
    pub(super) fn parameter(name: &str, what: &str) -> Self {
        let mut refusal = Self::new(StatusCode::BAD_REQUEST, "bad_parameter", format!("`{name}` {what}"));
        refusal.error.field = Some(name.to_owned());
        refusal
    }

    pub(super) fn upgrade(error: &WebSocketUpgradeRejection) -> Self {
        Self::new(error.status(), "no_websocket", error.body_text())
    }

    pub(super) fn not_found() -> Self {
        let message = "there are /measurements, /measurements/ws and /stats";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "there is only GET")
    }
}

impl From<StoreError> for Refusal {
    /// The database's own words are for the log: they name tables, files and users.
    fn from(error: StoreError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "a stream is refused");
        let (status, code) = match error {
            StoreError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_busy"),
            StoreError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
            StoreError::BadUrl { .. } | StoreError::Refused(_) => (StatusCode::INTERNAL_SERVER_ERROR, "query_refused"),
        };
        Self { retry_after: error.retry_after(), ..Self::new(status, code, error.to_string()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            error: Wrong,
        }
        let mut headers = HeaderMap::new();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        let status = StatusCode::from_u16(self.error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, headers, Json(Body { error: self.error })).into_response()
    }
}
