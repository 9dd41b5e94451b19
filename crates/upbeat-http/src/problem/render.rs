//! From a problem to an answer.

use std::error::Error as StdError;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::Problem;

/// The media type of RFC 9457.
pub(crate) static PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl Problem {
    /// The body as text, with the id of the request if it is known.
    pub(crate) fn render(&self, request_id: Option<&HeaderValue>) -> Vec<u8> {
        let request_id = request_id.and_then(|id| id.to_str().ok());
        // A map of strings to JSON values has no reason to fail.
        serde_json::to_vec(&self.body(request_id)).unwrap_or_default()
    }

    /// Tells the log what the client is not told.
    fn tell(&self) {
        let (status, code) = (self.status().as_u16(), self.code());
        let cause = self.source();
        if self.status().is_server_error() && (cause.is_some() || status == 500) {
            tracing::error!(status, code, error = cause, "a request failed: {self}");
        } else {
            tracing::debug!(status, code, error = cause, "a request was refused: {self}");
        }
    }
}

/// A problem on its way through layers, of which the innermost server fills in what it knows.
#[derive(Clone)]
struct OnItsWay(Problem);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.tell();
        let mut response = Response::new(self.render(None).into());
        *response.status_mut() = self.status();
        response.headers_mut().clone_from(self.headers());
        response.headers_mut().insert(header::CONTENT_TYPE, PROBLEM_JSON.clone());
        response.extensions_mut().insert(OnItsWay(self));
        response
    }
}

/// The body that a problem has once the request's id is known; `None` if the answer is none, or somebody has changed its body.
pub(crate) fn refine<B>(response: &mut http::Response<B>, id: Option<&HeaderValue>) -> Option<Vec<u8>> {
    let OnItsWay(problem) = response.extensions_mut().remove()?;
    let headers = response.headers_mut();
    let is_whole = headers.get(header::CONTENT_TYPE) == Some(&PROBLEM_JSON)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::TRANSFER_ENCODING);
    is_whole.then(|| {
        // Of the shorter body, as axum's router has measured it.
        headers.remove(header::CONTENT_LENGTH);
        problem.render(id)
    })
}
