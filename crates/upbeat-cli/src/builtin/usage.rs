//! Responses to requests that a built-in server does not serve.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, Method, StatusCode, header::ALLOW},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};

/// The methods that RFC 9110 and 5789 define. Any other is not implemented.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// Returns the response to `OPTIONS` of a path with these methods.
pub(super) fn options(methods: &'static str) -> (StatusCode, [(HeaderName, &'static str); 1]) {
    (StatusCode::NO_CONTENT, [(ALLOW, methods)])
}

/// Completes a router in the way of RFC 9110.
///
/// - Puts `usage`, one line, into the body of each response with status 404 or 405. The header
///   `Allow` is kept.
/// - Answers an unknown method with status 501 instead of 405, and `OPTIONS *` with status 204.
pub(super) fn with_usage(router: Router, usage: &'static str) -> Router {
    router.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        let target = Target::of(&request);
        explain(next.run(request).await, target, usage)
    }))
}

/// The target of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Path,
    /// A path, by a method that is not defined.
    UnknownMethod,
    /// `OPTIONS *`
    Server,
}

impl Target {
    fn of(request: &Request) -> Self {
        match *request.method() {
            Method::OPTIONS if request.uri().path() == "*" => Self::Server,
            _ if METHODS.contains(request.method()) => Self::Path,
            _ => Self::UnknownMethod,
        }
    }
}

fn explain(response: Response, target: Target, usage: &str) -> Response {
    let status = match (response.status(), target) {
        (_, Target::Server) => return StatusCode::NO_CONTENT.into_response(),
        (StatusCode::METHOD_NOT_ALLOWED, Target::UnknownMethod) => StatusCode::NOT_IMPLEMENTED,
        (status @ (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND), _) => status,
        _ => return response,
    };
    let mut explained = (status, format!("{status}: {usage}")).into_response();
    if let Some(allow) = response.headers().get(ALLOW) {
        explained.headers_mut().insert(ALLOW, allow.clone());
    }
    explained
}
