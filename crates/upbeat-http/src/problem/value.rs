//! What went wrong, for a client and for the log.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use upbeat::BoxError;

/// An error that a handler answers with: a status, a code that clients can tell apart, and a text, as
/// [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) has them (`application/problem+json`).
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
///     // What axum cannot read has a problem already, with its status.
///     let Json(payment) = payment?;
///     if payment.amount <= 0 {
///         return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_payment")
///             .detail("the payment cannot be made")
///             .field("#/amount", "must be positive"));
///     }
///     // What the client cannot do anything about is not told: 500, and the reason in the log.
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
/// - What is given to the client is what was said to be for it, nothing else: the [cause](Problem::because) never is.
/// - A problem with a cause, and one of status 500, is one event of the log: of level error for a status of 5xx, and debug for others. In an
///   [`HttpServer`](crate::HttpServer) it stands in the span `request`, with the id.
/// - The body says the [`RequestId`](crate::RequestId) where an `HttpServer` serves it, unless something on the way has changed the body. The answers that the
///   server gives itself, for a panic, an error of the service and a timeout, have the same shape.
///
/// # Turning errors into problems
///
/// `?` does it for what has an answer of its own (rejections of axum's extractors, [`ContextError`](upbeat::ContextError),
/// [`CallError`](upbeat::monitor::CallError), [`TrackerClosed`](upbeat::task::TrackerClosed), refusals of `upbeat::limit`), and for what holds any error
/// ([`BoxError`], with the feature `anyhow` also `anyhow::Error`, and [`GroupError`](upbeat::task::GroupError)): a problem in there is found, and everything else is an
/// [internal](Problem::internal) one. For an error type of one's own `impl From<MyError> for Problem` is the place where its answers are decided.
#[derive(Clone)]
pub struct Problem {
    // Boxed, because a `Result` is as large as its error, and this is seldom.
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
    cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem of this status. The code says which one it is, for programs: it stays the same when texts change, such as
    /// `account_locked`.
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
            cause: None,
        };
        Self { inner: Box::new(inner) }
    }

    /// 500 with the code `internal`: the client is told nothing of the error, and the log all.
    pub fn internal(error: impl Into<BoxError>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").because(error)
    }

    /// What is to be said about this occurrence, for people: what they can do about it.
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.inner.detail = Some(detail.into());
        self
    }

    /// What kind of problem it is: `type` in the body, the address of a page about it. Default: none, which means the status says all.
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.inner.kind = Some(uri.into());
        self
    }

    /// What this kind of problem is called, the same for all occurrences. Default: the status's own phrase.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.inner.title = Some(title.into());
        self
    }

    /// Adds what is wrong with one part of the request: an entry in `errors`. `pointer` is a JSON pointer into the body, such as
    /// `#/amount`.
    pub fn field(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.inner.errors.push(serde_json::json!({ "pointer": pointer.into(), "detail": detail.into() }));
        self
    }

    /// Adds a member to the body, for programs. The names of RFC 9457, `code`, `errors` and `request_id` are taken: such a member is left
    /// out.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inner.more.insert(name.into(), value.into());
        self
    }

    /// Tells the client when to come again: the header `Retry-After`, in whole seconds, rounded up, at least one.
    pub fn retry_after(self, time: Duration) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Sets a header of the answer, such as `WWW-Authenticate` for a 401.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.inner.headers.insert(name, value);
        self
    }

    /// Keeps the error that led to it: for the log, never for the client. It is the [`source`](StdError::source).
    pub fn because(mut self, error: impl Into<BoxError>) -> Self {
        self.inner.cause = Some(Arc::from(error.into()));
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.inner.status
    }

    /// Which problem it is.
    pub fn code(&self) -> &str {
        &self.inner.code
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.inner.headers
    }

    /// The body.
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
            .field("cause", &self.inner.cause)
            .finish_non_exhaustive()
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.cause.as_deref().map(|cause| cause as _)
    }
}
