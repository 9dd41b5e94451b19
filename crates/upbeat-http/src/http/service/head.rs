use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header,
    uri::{Authority, Scheme},
};

use crate::{host::HostPort, problem::Problem};

/// The reason for which a request does not reach the service, beside those that engines check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No host, more than one, or one that is not valid.
    Host(&'static str),
    /// A form of the target that the method does not allow.
    Target(&'static str),
    /// A target of another scheme than that of the connection.
    Scheme,
    /// The coding `chunked` is applied twice.
    Chunks,
    /// A transfer coding other than `chunked`, in which the service would get the body.
    Coding,
    /// An expectation other than `100-continue`.
    Expectation,
}

impl Refusal {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::Host(detail) => Problem::new(StatusCode::BAD_REQUEST, "invalid_host").detail(detail),
            Self::Target(detail) => Problem::new(StatusCode::BAD_REQUEST, "invalid_target").detail(detail),
            Self::Scheme => Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected")
                .detail("the scheme of the target is not that of the connection"),
            Self::Chunks => {
                Problem::new(StatusCode::BAD_REQUEST, "invalid_coding").detail("the body is chunked more than once")
            }
            Self::Coding => Problem::new(StatusCode::NOT_IMPLEMENTED, "unknown_coding")
                .detail("the only transfer coding is chunked"),
            Self::Expectation => Problem::new(StatusCode::EXPECTATION_FAILED, "expectation_failed")
                .detail("the only expectation that is met is 100-continue"),
        }
    }
}

/// Checks what RFC 9110, 9112 and 9113 demand of the head of a request, and engines do not check.
///
/// With HTTP/1, the host of an absolute target replaces the header `Host`.
pub(super) fn check<B>(request: &mut Request<B>, secured: bool) -> Result<(), Refusal> {
    let (version, found) = (request.version(), Found::of(request.headers())?);
    if version > Version::HTTP_11 {
        return check_http2(request.uri(), request.method(), &found);
    }
    if found.hosts == 0 && version == Version::HTTP_11 {
        return Err(Refusal::Host("the header `host` is missing"));
    }
    if found.expects_other && version == Version::HTTP_11 {
        return Err(Refusal::Expectation);
    }
    let Some(authority) = request.uri().authority() else {
        return check_path(request.uri(), request.method());
    };
    let host = valid(authority)?;
    if *request.method() == Method::CONNECT {
        let is_target = request.uri().scheme().is_none() && host.port.is_some_and(|port| port > 0);
        return if is_target { Ok(()) } else { Err(Refusal::Target("CONNECT needs a host and a port")) };
    }
    match request.uri().scheme() {
        None => return Err(Refusal::Target("the target has neither a scheme nor a path")),
        Some(scheme) if *scheme != if secured { Scheme::HTTPS } else { Scheme::HTTP } => return Err(Refusal::Scheme),
        Some(_) => {}
    }
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| INVALID)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(())
}

const INVALID: Refusal = Refusal::Host("the host is invalid");

/// The headers that a check needs, found in one pass.
struct Found<'a> {
    hosts: usize,
    host: Option<HostPort<'a>>,
    /// The number of times that `chunked` is applied.
    chunked: usize,
    expects_other: bool,
}

impl<'a> Found<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, Refusal> {
        let mut found = Self { hosts: 0, host: None, chunked: 0, expects_other: false };
        // A scan of the few names costs less than the hash of one.
        for (name, value) in headers {
            if *name == header::HOST {
                found.hosts += 1;
                found.host = Some(HostPort::parse(value.as_bytes()).ok_or(INVALID)?);
            } else if *name == header::TRANSFER_ENCODING {
                let codings = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                for coding in codings.filter(|coding| !coding.is_empty()) {
                    if !coding.eq_ignore_ascii_case(b"chunked") {
                        return Err(Refusal::Coding);
                    }
                    found.chunked += 1;
                }
            } else if *name == header::EXPECT {
                found.expects_other |= !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
            }
        }
        match (found.hosts, found.chunked) {
            (2.., _) => Err(Refusal::Host("the header `host` occurs more than once")),
            (_, 2..) => Err(Refusal::Chunks),
            _ => Ok(found),
        }
    }
}

fn check_http2(uri: &Uri, method: &Method, found: &Found<'_>) -> Result<(), Refusal> {
    if found.expects_other {
        return Err(Refusal::Expectation);
    }
    let authority = uri.authority().map(valid).transpose()?;
    match (authority, found.host) {
        (None, None) => return Err(Refusal::Host("the host is missing")),
        (Some(authority), Some(host)) => {
            let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
            if !authority.is(&host, default) {
                return Err(Refusal::Host("the header `host` is not the authority"));
            }
        }
        _ => {}
    }
    if *method == Method::CONNECT { Ok(()) } else { check_path(uri, method) }
}

/// Checks a target that is a path.
fn check_path(uri: &Uri, method: &Method) -> Result<(), Refusal> {
    match uri.path() {
        _ if *method == Method::CONNECT => Err(Refusal::Target("CONNECT needs a host and a port")),
        "*" if *method != Method::OPTIONS => Err(Refusal::Target("only OPTIONS has the target `*`")),
        _ => Ok(()),
    }
}

fn valid(authority: &Authority) -> Result<HostPort<'_>, Refusal> {
    let host = HostPort::parse(authority.as_str().as_bytes()).ok_or(INVALID)?;
    if host.host.is_empty() { Err(INVALID) } else { Ok(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, method: &str, uri: &str, headers: &[(&str, &str)]) -> (Result<(), u16>, String) {
        let mut request = Request::builder().version(version).method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let checked = super::check(&mut request, false).map_err(|refusal| refusal.problem().status().as_u16());
        let host = request.headers().get(header::HOST).map_or("", |host| host.to_str().unwrap()).to_owned();
        (checked, host)
    }

    #[test]
    fn http_1_needs_one_valid_host() {
        for (hosts, allowed) in [
            (&[][..], Err(400)),
            (&[("host", "a")], Ok(())),
            (&[("host", "")], Ok(())),
            (&[("host", "a"), ("host", "a")], Err(400)),
            (&[("host", "a"), ("host", "b")], Err(400)),
            (&[("host", "a b")], Err(400)),
            (&[("host", "a/b")], Err(400)),
            (&[("host", "user@a")], Err(400)),
        ] {
            assert_eq!(check(Version::HTTP_11, "GET", "/", hosts).0, allowed, "{hosts:?}");
            let old = if hosts.is_empty() { Ok(()) } else { allowed };
            assert_eq!(check(Version::HTTP_10, "GET", "/", hosts).0, old, "HTTP/1.0 {hosts:?}");
        }
    }

    #[test]
    fn an_absolute_target_replaces_the_host() {
        let host = [("host", "b")];
        assert_eq!(check(Version::HTTP_11, "GET", "http://a:80/x", &host), (Ok(()), "a:80".to_owned()));
        assert_eq!(check(Version::HTTP_10, "GET", "http://a/x", &[]), (Ok(()), "a".to_owned()));
        assert_eq!(check(Version::HTTP_11, "GET", "http://a/x", &[]).0, Err(400), "the header is needed all the same");
        assert_eq!(check(Version::HTTP_11, "GET", "http://user@a/x", &host).0, Err(400));
        assert_eq!(check(Version::HTTP_11, "GET", "https://a/x", &host).0, Err(421));
    }

    #[test]
    fn each_form_of_a_target_has_its_methods() {
        let host = [("host", "a")];
        for (method, uri, allowed) in [
            ("OPTIONS", "*", Ok(())),
            ("GET", "*", Err(400)),
            ("GET", "a:80", Err(400)),
            ("CONNECT", "a:80", Ok(())),
            ("CONNECT", "a", Err(400)),
            ("CONNECT", "a:0", Err(400)),
            ("CONNECT", "/", Err(400)),
            ("CONNECT", "http://a:80/", Err(400)),
        ] {
            assert_eq!(check(Version::HTTP_11, method, uri, &host).0, allowed, "{method} {uri}");
        }
    }

    #[test]
    fn http_2_needs_an_authority_or_a_host_and_both_must_agree() {
        for (uri, hosts, allowed) in [
            ("http://a/", &[][..], Ok(())),
            ("http://a/", &[("host", "A:80")], Ok(())),
            ("http://a/", &[("host", "b")], Err(400)),
            ("http://a/", &[("host", "a"), ("host", "a")], Err(400)),
            ("http://user@a/", &[], Err(400)),
            ("/", &[("host", "a")], Ok(())),
            ("/", &[], Err(400)),
            ("/", &[("host", "a"), ("host", "b")], Err(400)),
        ] {
            assert_eq!(check(Version::HTTP_2, "GET", uri, hosts).0, allowed, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        for (codings, allowed) in [
            (&["Chunked"][..], Ok(())),
            (&[", chunked ,"], Ok(())),
            (&["gzip, chunked"], Err(501)),
            (&["gzip", "chunked"], Err(501)),
            (&["chunked, chunked"], Err(400)),
            (&["chunked", "chunked"], Err(400)),
        ] {
            let mut headers = vec![("host", "a")];
            headers.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            assert_eq!(check(Version::HTTP_11, "POST", "/", &headers).0, allowed, "{codings:?}");
        }
    }

    #[test]
    fn an_unknown_expectation_is_not_met() {
        let host = ("host", "a");
        for (value, allowed) in [("100-Continue", Ok(())), ("100-continue, x", Err(417)), ("x", Err(417))] {
            assert_eq!(check(Version::HTTP_11, "POST", "/", &[host, ("expect", value)]).0, allowed, "{value}");
            assert_eq!(check(Version::HTTP_10, "POST", "/", &[host, ("expect", value)]).0, Ok(()), "{value}");
        }
    }
}
