//! Problems as responses.

use std::error::Error as StdError;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::Problem;
use crate::targets;

/// The media type of RFC 9457.
pub(crate) static PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl Problem {
    /// Returns the body as text, with the id of the request if it is known.
    pub(crate) fn render(&self, request_id: Option<&HeaderValue>) -> Vec<u8> {
        let request_id = request_id.and_then(|id| id.to_str().ok());
        // A map of strings to JSON values always serializes.
        serde_json::to_vec(&self.body(request_id)).unwrap_or_default()
    }

    /// Logs the problem with its source, which the client does not get.
    pub(crate) fn log(&self) {
        let (status, code) = (self.status().as_u16(), self.code());
        let source = self.source();
        if self.status().is_server_error() && (source.is_some() || status == 500) {
            tracing::error!(target: targets::PROBLEM, status, code, error = source, "request failed: {self}");
        } else {
            tracing::debug!(target: targets::PROBLEM, status, code, error = source, "request rejected: {self}");
        }
    }
}

/// The problem behind a response, to which the innermost server adds the request's id.
#[derive(Clone)]
struct PendingProblem(Problem);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let mut response = Response::new(self.render(None).into());
        *response.status_mut() = self.status();
        response.headers_mut().clone_from(self.headers());
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON.clone());
        response.extensions_mut().insert(PendingProblem(self));
        response
    }
}

/// Returns the body of a problem with the request's id.
///
/// Returns `None` if the response is no problem or if a layer has changed its body.
pub(crate) fn refine<B>(response: &mut http::Response<B>, id: Option<&HeaderValue>) -> Option<Vec<u8>> {
    let PendingProblem(problem) = response.extensions_mut().remove()?;
    let headers = response.headers_mut();
    let is_unchanged = headers.get(header::CONTENT_TYPE) == Some(&PROBLEM_JSON)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::TRANSFER_ENCODING);
    is_unchanged.then(|| {
        // The length is that of the body without the id, as axum's router has set it.
        headers.remove(header::CONTENT_LENGTH);
        problem.render(id)
    })
}
