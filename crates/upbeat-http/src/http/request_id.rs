use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Where a request's id comes from, and goes back to.
pub(super) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ones are not taken: they go into every log line.
const LONGEST: usize = 128;

/// The id of one request: a value of its [`Context`](upbeat::Context).
///
/// It is the client's own, from its header `x-request-id`, if that is well-formed: up to 128 letters, digits and `-_.:/+=~@`, once. Otherwise
/// the server makes one, of 32 random hexadecimal digits. It goes back in the same header, unless the service sets that itself, and is the
/// field `id` of the span `request` in which the handler runs.
///
/// # Not guaranteed
///
/// An id of the client's may have come before, and says nothing about who asks. One of the server's is not a secret.
///
/// ```
/// use axum::Extension;
/// use upbeat::Context;
/// use upbeat_http::RequestId;
///
/// async fn order(Extension(cx): Extension<Context>) -> String {
///     let id = cx.value::<RequestId>().expect("every request has one");
///     format!("ordered, see {id}")
/// }
/// # let app: axum::Router = axum::Router::new().route("/order", axum::routing::post(order));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Made(u128),
    Given(Box<str>),
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        // Looking through the names of a request costs less than the hash of one that is mostly not there.
        if !headers.keys().any(|name| *name == X_REQUEST_ID) {
            return Self::made();
        }
        let mut all = headers.get_all(&X_REQUEST_ID).into_iter();
        match (all.next().and_then(well_formed), all.next()) {
            // A copy, because the original would pin the engine's read buffer.
            (Some(given), None) => Self(Kind::Given(given.into())),
            _ => Self::made(),
        }
    }

    /// Written only when somebody wants to see it.
    fn made() -> Self {
        Self(Kind::Made(fastrand::u128(..)))
    }

    pub(super) fn header(&self) -> Option<HeaderValue> {
        match &self.0 {
            Kind::Made(id) => HeaderValue::from_bytes(&hex(*id)).ok(),
            Kind::Given(id) => HeaderValue::from_str(id).ok(),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Made(id) => write!(f, "{id:032x}"),
            Kind::Given(id) => f.write_str(id),
        }
    }
}

fn well_formed(value: &HeaderValue) -> Option<&str> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=~@".contains(byte);
    let value = value.as_bytes();
    let is_one = (1..=LONGEST).contains(&value.len()) && value.iter().all(fits);
    is_one.then(|| std::str::from_utf8(value).ok()).flatten()
}

/// By hand: formatting takes several times as long, and this is done for every answer.
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
    fn a_well_formed_id_is_kept_and_any_other_replaced() {
        for given in ["7", "a-b_c.d:e/f+g=h~i@j", &"x".repeat(128)] {
            assert_eq!(of(&[given]).to_string(), given);
        }
        for malformed in [&[][..], &[""], &["a b"], &["a\"b"], &["a;b"], &[&"x".repeat(129)], &["a", "b"]] {
            let made = of(malformed);
            let text = made.to_string();
            assert!(text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{malformed:?}: {text}");
            assert_eq!(made.header().unwrap(), text);
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
