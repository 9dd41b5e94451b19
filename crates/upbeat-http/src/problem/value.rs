//! An error for a client and for the log.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use upbeat::BoxError;

/// An error response with a status, a code for programs, and a text.
///
/// Its form is `application/problem+json` of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
///
/// ```
/// use axum::{Json, extract::rejection::JsonRejection, http::StatusCode};
/// use upbeat_http::Problem;
///
/// #[derive(serde::Deserialize)]
/// struct Payment {
///     amount: i64,
/// }
///
/// async fn pay(payment: Result<Json<Payment>, JsonRejection>) -> Result<StatusCode, Problem> {
///     // A rejection of axum converts to a problem with its status.
///     let Json(payment) = payment?;
///     if payment.amount <= 0 {
///         return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_payment")
///             .detail("the payment cannot be made")
///             .field("#/amount", "must be positive"));
///     }
///     // The client gets only status 500. The log gets the reason.
///     std::fs::create_dir_all("/payments").map_err(Problem::internal)?;
///     Ok(StatusCode::CREATED)
/// }
/// # let app: axum::Router = axum::Router::new().route("/pay", axum::routing::post(pay));
/// ```
///
/// ```json
/// {
///   "code": "invalid_payment",
///   "detail": "the payment cannot be made",
///   "errors": [{ "detail": "must be positive", "pointer": "#/amount" }],
///   "request_id": "3bd2c51c9e8f4d1a0f2e6a7b8c9d0e1f",
///   "status": 422,
///   "title": "Unprocessable Entity"
/// }
/// ```
///
/// # Guarantees
///
/// - The client gets only what was set for it. The [source](Problem::with_source) is never sent.
/// - A problem with a source, or with status 500, is one log event. Its level is error for a status
///   of 5xx, and debug otherwise. In an [`HttpServer`](crate::HttpServer), the event is within the
///   span `request`, which has the id.
/// - In an `HttpServer`, the body contains the [`RequestId`](crate::RequestId), unless a layer has
///   changed the body. The server's own responses to a panic, an error of the service and a timeout
///   have the same form.
///
/// # Converting errors
///
/// `?` converts the errors that have a response of their own: rejections of axum's extractors,
/// [`ContextError`](upbeat::ContextError), [`CallError`](upbeat::monitor::CallError),
/// [`TrackerClosed`](upbeat::task::TrackerClosed), and the errors of `upbeat::limit`.
///
/// It also converts errors that contain any error: [`BoxError`],
/// [`GroupError`](upbeat::task::GroupError), and `anyhow::Error` with the feature `anyhow`. If they
/// contain a problem, that is returned. Otherwise the result is an [internal](Problem::internal)
/// problem. For your own error type, implement `From<MyError> for Problem`.
#[derive(Clone)]
#[must_use = "a problem is sent and logged only if it is returned"]
pub struct Problem {
    // Boxed, because a `Result` is as large as its error and problems are rare.
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    code: Cow<'static, str>,
    kind: Option<Cow<'static, str>>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    errors: Vec<Value>,
    more: Map<String, Value>,
    headers: HeaderMap,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// Creates a problem with a status and a code for programs, such as `account_locked`.
    ///
    /// The code should stay the same when texts change.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Self {
        let inner = Inner {
            status,
            code: code.into(),
            kind: None,
            title: None,
            detail: None,
            errors: Vec::new(),
            more: Map::new(),
            headers: HeaderMap::new(),
            source: None,
        };
        Self { inner: Box::new(inner) }
    }

    /// Creates a problem with status 500 and the code `internal`.
    ///
    /// The error is logged and not sent to the client.
    pub fn internal(error: impl Into<BoxError>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").with_source(error)
    }

    /// Sets the text about this occurrence, such as how to avoid it.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// Sets the address of a page about this kind of problem, which is `type` in the body. Default:
    /// none.
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.inner.kind = Some(uri.into());
        self
    }

    /// Sets the title of this kind of problem, the same for all occurrences. Default: the status's
    /// phrase.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.inner.title = Some(title.into());
        self
    }

    /// Adds an error about one part of the request to `errors`.
    ///
    /// The pointer is a JSON pointer into the request's body, such as `#/amount`.
    pub fn field(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.inner.errors.push(serde_json::json!({ "pointer": pointer.into(), "detail": detail.into() }));
        self
    }

    /// Adds a member to the body, for programs.
    ///
    /// A member named as one of RFC 9457, `code`, `errors` or `request_id` is omitted.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inner.more.insert(name.into(), value.into());
        self
    }

    /// Sets the header `Retry-After`, rounded up to whole seconds, at least one.
    pub fn retry_after(self, time: Duration) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Sets a header of the response, such as `WWW-Authenticate` for a 401.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.insert(name, value);
        self
    }

    /// Sets the [`source`](StdError::source), which is logged and never sent to the client.
    pub fn with_source(mut self, error: impl Into<BoxError>) -> Self {
        self.inner.source = Some(Arc::from(error.into()));
        self
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// Returns the code.
    pub fn code(&self) -> &str {
        &self.inner.code
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// Returns the body.
    pub(super) fn body(&self, request_id: Option<&str>) -> Map<String, Value> {
        let inner = &*self.inner;
        let mut body = inner.more.clone();
        let mut set = |name: &str, value: Option<Value>| {
            match value {
                Some(value) => body.insert(name.to_owned(), value),
                None => body.remove(name),
            };
        };
        let text = |text: &Option<Cow<'static, str>>| text.clone().map(|text| Value::String(text.into_owned()));
        set("type", text(&inner.kind));
        set("title", text(&inner.title).or_else(|| inner.status.canonical_reason().map(Value::from)));
        set("status", Some(inner.status.as_u16().into()));
        set("detail", text(&inner.detail));
        set("instance", None);
        set("code", Some(inner.code.as_ref().into()));
        set("errors", (!inner.errors.is_empty()).then(|| inner.errors.clone().into()));
        set("request_id", request_id.map(Value::from));
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inner.status.as_u16(), self.inner.code)?;
        match &self.inner.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.inner.status)
            .field("code", &self.inner.code)
            .field("detail", &self.inner.detail)
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
