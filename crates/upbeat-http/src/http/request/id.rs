use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header of a request's id, in requests and responses.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The maximum length of a client's id, which appears in every log line.
const MAX_LENGTH: usize = 128;

/// The id of one request, a value of its [`Context`](upbeat::Context).
///
/// It is the client's header `x-request-id` if that occurs once and is well-formed: up to 128
/// letters, digits and `-_.:/+=~@`. Otherwise the server generates an id of 32 random hexadecimal
/// digits. The response carries the id in the same header, unless the service sets that header
/// itself. It is also the field `id` of the span `request` in which the handler runs.
///
/// # Not guaranteed
///
/// A client's id may repeat, and it does not identify the client. A generated id is not a secret.
///
/// ```
/// use axum::Extension;
/// use upbeat::Context;
/// use upbeat_http::RequestId;
///
/// async fn order(Extension(cx): Extension<Context>) -> String {
///     let id = cx.value::<RequestId>().expect("every request has an id");
///     format!("ordered, see {id}")
/// }
/// # let app: axum::Router = axum::Router::new().route("/order", axum::routing::post(order));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(IdKind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum IdKind {
    Generated(u128),
    Client(Box<str>),
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // A scan of the names costs less than the hash of one that is mostly absent.
        if !headers.keys().any(|name| *name == X_REQUEST_ID) {
            return Self::generate();
        }
        let mut all = headers.get_all(&X_REQUEST_ID).into_iter();
        match (all.next().and_then(well_formed), all.next()) {
            // A copy, because the original would pin the engine's read buffer.
            (Some(id), None) => Self(IdKind::Client(id.into())),
            _ => Self::generate(),
        }
    }

    /// Generates an id, which is formatted only on demand.
    fn generate() -> Self {
        Self(IdKind::Generated(fastrand::u128(..)))
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        match &self.0 {
            IdKind::Generated(id) => HeaderValue::from_bytes(&hex(*id)).ok(),
            IdKind::Client(id) => HeaderValue::from_str(id).ok(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            IdKind::Generated(id) => write!(f, "{id:032x}"),
            IdKind::Client(id) => f.write_str(id),
        }
    }
}

fn well_formed(value: &HeaderValue) -> Option<&str> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=~@".contains(byte);
    let value = value.as_bytes();
    let is_well_formed = (1..=MAX_LENGTH).contains(&value.len()) && value.iter().all(fits);
    is_well_formed.then(|| std::str::from_utf8(value).ok()).flatten()
}

/// Formats the id as 32 digits. `format!` takes several times as long, and every response needs it.
fn hex(id: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    for (byte, pair) in id.to_be_bytes().into_iter().zip(digits.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> RequestId {
        let values = values.iter().map(|value| (X_REQUEST_ID.clone(), HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        values.for_each(|(name, value)| _ = headers.append(name, value));
        RequestId::of(&headers)
    }

    #[test]
    fn a_well_formed_id_is_kept_and_any_other_is_replaced() {
        for given in ["7", "a-b_c.d:e/f+g=h~i@j", &"x".repeat(128)] {
            assert_eq!(of(&[given]).to_string(), given);
        }
        for malformed in [&[][..], &[""], &["a b"], &["a\"b"], &["a;b"], &[&"x".repeat(129)], &["a", "b"]] {
            let generated = of(malformed);
            let text = generated.to_string();
            assert!(text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{malformed:?}: {text}");
            assert_eq!(generated.header().unwrap(), text);
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
