//! The check that a request comes from a page of this server.

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use upbeat::Context;

use crate::{host::HostPort, problem::Problem};

/// The value of the context of a request that has arrived encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secured;

/// Proof that a request comes from a page of this server, or from a client without pages.
///
/// Browsers let every site open a WebSocket to every server, and send their cookies with it. They
/// send forms to every server, too. The server has to check the header `Origin`, and a handler that
/// has this type as an argument does:
///
/// ```
/// use axum::{Router, extract::WebSocketUpgrade, response::Response, routing::get};
/// use upbeat_http::SameOrigin;
///
/// async fn news(_: SameOrigin, upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| {
///         let _ = socket.send("hello".into()).await;
///     })
/// }
/// # let app: Router = Router::new().route("/news", get(news));
/// ```
///
/// Other requests get a [`Problem`] with status 403 and the code `cross_origin`. The argument has
/// to come before one that upgrades the connection or reads the body. For a response of another
/// form, the argument is a `Result<SameOrigin, Problem>`, or the handler calls
/// [`check`](Self::check).
///
/// # Guarantees
///
/// A request passes
///
/// - without the header `Origin`, as from `curl` or another program. Browsers send it with each
///   WebSocket, and with each form that changes something;
/// - if the origin is `http` or `https`, and has the host and the port of the request. Names are
///   compared without regard to case, and a port that is missing is the default of the scheme.
///
/// Everything else is rejected: another host, port or scheme, the origin `null` of a sandboxed page
/// or a file, two of these headers, and an origin that is not valid. On a connection of
/// [`HttpServer::tls`](crate::HttpServer) the scheme has to be `https`.
///
/// # Not guaranteed
///
/// - On a connection without TLS both schemes pass, as a proxy in front of the server may have
///   decrypted the request.
/// - A proxy has to keep the header `Host`. Otherwise every page is rejected.
/// - It does not identify a client: a program can send any origin. It protects the users of
///   browsers from other sites.
/// - A `GET` without an upgrade has no `Origin` in most browsers, so it must not change anything.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SameOrigin;

impl SameOrigin {
    /// Checks a request.
    ///
    /// ```
    /// use upbeat_http::SameOrigin;
    ///
    /// let request = http::Request::builder().uri("/news").header("host", "example.com");
    /// let (parts, ()) = request.header("origin", "https://evil.example").body(()).expect("valid").into_parts();
    /// assert_eq!(SameOrigin::check(&parts).expect_err("another site").status(), 403);
    /// ```
    ///
    /// # Errors
    ///
    /// A problem with status 403, if the request comes from a page of another site.
    pub fn check(request: &Parts) -> Result<Self, Problem> {
        let secured = request.extensions.get::<Context>().is_some_and(|cx| cx.value::<Secured>().is_some());
        if is_same(&request.headers, &request.uri, secured) {
            Ok(Self)
        } else {
            Err(Problem::new(StatusCode::FORBIDDEN, "cross_origin").detail("requests of other sites are forbidden"))
        }
    }
}

impl<S: Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::check(parts)
    }
}

fn is_same(headers: &HeaderMap, uri: &Uri, secured: bool) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let mut hosts = headers.get_all(header::HOST).iter();
    let header = hosts.next().map(HeaderValue::as_bytes);
    if origins.next().is_some() || hosts.next().is_some() {
        return false;
    }
    // The target of the request comes before its header.
    let host = uri.authority().map(|authority| authority.as_str().as_bytes()).or(header);
    let host = host.and_then(HostPort::parse);
    let Some((port, page)) = parse(origin.as_bytes(), secured) else { return false };
    host.is_some_and(|host| !host.host.is_empty() && page.is(&host, port))
}

/// Returns the default port of an origin's scheme, and its host.
fn parse(origin: &[u8], secured: bool) -> Option<(u16, HostPort<'_>)> {
    let scheme = |scheme: &str| {
        let (begin, rest) = origin.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme.as_bytes()).then_some(rest)
    };
    let (port, host) = match scheme("https://") {
        Some(host) => (443, host),
        None => (80, scheme("http://").filter(|_| !secured)?),
    };
    Some((port, HostPort::parse(host)?))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn passes(host: &str, origins: &[&str], secured: bool) -> bool {
        let mut request = Request::builder().uri("/ws").header("host", host);
        for origin in origins {
            request = request.header("origin", HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        is_same(&parts.headers, &parts.uri, secured)
    }

    #[test]
    fn a_page_of_the_server_and_a_program_pass() {
        for (host, origins) in [
            ("example.com", &[][..]),
            ("example.com", &["http://example.com"]),
            ("example.com", &["https://example.com"]),
            ("Example.com:80", &["http://example.COM"]),
            ("example.com:443", &["https://example.com"]),
            ("example.com", &["https://example.com:443"]),
            ("127.0.0.1:8000", &["http://127.0.0.1:8000"]),
            ("[::1]:8000", &["http://[::1]:8000"]),
        ] {
            assert!(passes(host, origins, false), "{host} {origins:?}");
        }
        assert!(passes("example.com", &["https://example.com"], true));
    }

    #[test]
    fn every_other_page_is_rejected() {
        for (host, origins) in [
            ("example.com", &["https://evil.example"][..]),
            ("example.com", &["null"]),
            ("example.com", &[""]),
            ("example.com", &["http://example.com:8000"]),
            ("example.com:8000", &["http://example.com"]),
            ("example.com:80", &["https://example.com"]),
            ("example.com", &["http://example.com.evil.example"]),
            ("example.com", &["http://evil.example.com"]),
            ("example.com", &["http://example.com@evil.example"]),
            ("example.com", &["http://example.com/"]),
            ("example.com", &["example.com"]),
            ("example.com", &["file://example.com"]),
            ("example.com", &["chrome-extension://example.com"]),
            ("example.com", &["http://example.com http://evil.example"]),
            ("example.com", &["http://example.com", "http://example.com"]),
            ("", &["http://"]),
        ] {
            assert!(!passes(host, origins, false), "{host} {origins:?}");
        }
        assert!(!passes("example.com", &["http://example.com"], true), "it may have been changed on its way");
    }

    #[test]
    fn the_target_of_the_request_comes_before_its_header() {
        let request = Request::builder().uri("http://example.com/ws").header("host", "evil.example");
        let (parts, ()) = request.header("origin", "http://example.com").body(()).unwrap().into_parts();
        assert!(is_same(&parts.headers, &parts.uri, false));
        let request = Request::builder().uri("http://example.com/ws").header("host", "evil.example");
        let (parts, ()) = request.header("origin", "http://evil.example").body(()).unwrap().into_parts();
        assert!(!is_same(&parts.headers, &parts.uri, false));
        let request = Request::builder().uri("/ws").header("host", "evil.example").header("host", "example.com");
        let (parts, ()) = request.header("origin", "http://evil.example").body(()).unwrap().into_parts();
        assert!(!is_same(&parts.headers, &parts.uri, false), "two hosts");
    }
}
