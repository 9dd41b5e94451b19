//! The host and the port of a request or an origin.

use std::net::Ipv6Addr;

/// `uri-host [ ":" port ]` of RFC 9110.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostPort<'a> {
    /// A name, an IPv4 address, or an address in brackets. Empty only without a port.
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

impl<'a> HostPort<'a> {
    /// Returns `None` if the text is not valid, such as one with user information or a path.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let at = if text.first() == Some(&b'[') {
            let end = text.iter().position(|byte| *byte == b']')?;
            is_ip_literal(text.get(1..end)?).then_some(end + 1)?
        } else {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            is_name(text.get(..end)?).then_some(end)?
        };
        let host = std::str::from_utf8(text.get(..at)?).ok()?;
        let port = match text.get(at..)? {
            [] => return Some(Self { host, port: None }),
            [b':', port @ ..] => port,
            _ => return None,
        };
        if host.is_empty() || !port.iter().all(u8::is_ascii_digit) {
            return None;
        }
        // A colon without a port is allowed.
        let port = if port.is_empty() { None } else { Some(std::str::from_utf8(port).ok()?.parse().ok()?) };
        Some(Self { host, port })
    }

    /// Returns whether both are the same place, where a missing port is `default`.
    pub(crate) fn is(&self, other: &HostPort<'_>, default: u16) -> bool {
        self.host.eq_ignore_ascii_case(other.host) && self.port.unwrap_or(default) == other.port.unwrap_or(default)
    }
}

/// `IPv6address / IPvFuture`, without the brackets.
fn is_ip_literal(text: &[u8]) -> bool {
    match text {
        [b'v' | b'V', rest @ ..] => {
            let Some(dot) = rest.iter().position(|byte| *byte == b'.') else { return false };
            let (version, address) = rest.split_at(dot);
            let address = address.get(1..).unwrap_or_default();
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && !address.is_empty()
                && address.iter().all(|byte| is_unreserved(*byte) || *byte == b':')
        }
        _ => std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    }
}

/// `reg-name`, which includes IPv4 addresses.
fn is_name(mut text: &[u8]) -> bool {
    loop {
        text = match text {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if is_unreserved(*byte) => rest,
            _ => return false,
        };
    }
}

/// `unreserved / sub-delims`.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(&str, Option<u16>)> {
        HostPort::parse(text.as_bytes()).map(|found| (found.host, found.port))
    }

    #[test]
    fn valid_hosts_are_parsed() {
        for (text, host, port) in [
            ("", "", None),
            ("example.com", "example.com", None),
            ("example.com:", "example.com", None),
            ("example.com:80", "example.com", Some(80)),
            ("127.0.0.1:65535", "127.0.0.1", Some(65_535)),
            ("[::1]", "[::1]", None),
            ("[::ffff:1.2.3.4]:8000", "[::ffff:1.2.3.4]", Some(8000)),
            ("[v1.a:b]", "[v1.a:b]", None),
            ("a_b%20c,d", "a_b%20c,d", None),
        ] {
            assert_eq!(parsed(text), Some((host, port)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_invalid() {
        for text in [
            ":80",
            "a b",
            "a/",
            "a/b",
            "user@a",
            "user:pass@a",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:-1",
            "a:+1",
            "::1",
            "[::1",
            "::1]",
            "[::1]a",
            "[::1]80",
            "[]",
            "[::g]",
            "[fe80::1%eth0]",
            "[v.a]",
            "[v1.]",
            "a%",
            "a%2",
            "a%zz",
            "http://a",
            "a?b",
            "a#b",
            "\"a\"",
            "<a>",
            "a\\b",
            "a|b",
            "é",
            "a\tb",
            "a, b",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_place_has_the_same_name_and_port() {
        let is = |left: &str, right: &str| {
            let parse = |text: &'static str| HostPort::parse(text.as_bytes());
            let (left, right) = (left.to_owned().leak(), right.to_owned().leak());
            parse(left).zip(parse(right)).is_some_and(|(left, right)| left.is(&right, 80))
        };
        assert!(is("Example.com", "example.COM:80") && is("a:", "a") && is("[::A]", "[::a]"));
        assert!(!is("a", "a:81") && !is("a", "b") && !is("a", "a."));
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_the_text(text in "[a-z0-9.%:\\[\\]@ -]{0,20}") {
            if let Some(found) = HostPort::parse(text.as_bytes()) {
                prop_assert!(text.starts_with(found.host));
                prop_assert!(!found.host.contains(['@', ' ', '/']));
                let rest = text.strip_prefix(found.host).unwrap_or_default().strip_prefix(':');
                prop_assert_eq!(rest.and_then(|port| port.parse().ok()), found.port);
            }
        }
    }
}
