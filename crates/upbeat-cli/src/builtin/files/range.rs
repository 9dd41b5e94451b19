use axum::http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE},
};

/// The one range of bytes that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// From one position to another, inclusive; without an end, the rest.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

/// The fate of the response of `ServeDir` to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Keep,
    /// The whole file is sent.
    Whole,
    NotSatisfiable,
}

impl Range {
    /// Returns `None` if the header is to be ignored: if it is missing, occurs twice, is of another
    /// unit, is not valid, or asks for several ranges.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(RANGE).iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let (unit, set) = line.to_str().ok()?.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let mut ranges = set.split(',').map(|range| range.trim_matches([' ', '\t'])).filter(|range| !range.is_empty());
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return None };
        let (first, last) = range.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// Returns the header in the form that `ServeDir` reads.
    pub(super) fn header(self) -> HeaderValue {
        let text = match self {
            Self::From(first, None) => format!("bytes={first}-"),
            Self::From(first, Some(last)) => format!("bytes={first}-{last}"),
            Self::Last(length) => format!("bytes=-{length}"),
        };
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("bytes=0-"))
    }

    /// Decides on the response to this range.
    pub(super) fn decide(self, status: StatusCode, headers: &HeaderMap, if_range: Option<&HeaderValue>) -> Decision {
        if status != StatusCode::PARTIAL_CONTENT && status != StatusCode::RANGE_NOT_SATISFIABLE {
            return Decision::Keep;
        }
        if if_range.is_some_and(|condition| !is_current(condition, headers)) {
            return Decision::Whole;
        }
        let size = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()?.rsplit_once('/')?.1.parse().ok());
        match (self, size) {
            (_, Some(0)) => Decision::NotSatisfiable,
            // A file that is shorter is sent whole.
            (Self::Last(length), Some(size)) if length > size => Decision::Whole,
            _ => Decision::Keep,
        }
    }
}

/// Parses digits. A number that is too large is beyond each file all the same.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Returns whether the condition of `If-Range` is that of the file as it is: its strong tag, or
/// the exact time of its change.
fn is_current(condition: &HeaderValue, headers: &HeaderMap) -> bool {
    let validator = if condition.as_bytes().contains(&b'"') { ETAG } else { LAST_MODIFIED };
    let current = headers.get(validator);
    current.is_some_and(|current| current == condition && !current.as_bytes().starts_with(b"W/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Range> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(RANGE, line.parse().unwrap());
        }
        Range::of(&headers)
    }

    #[test]
    fn one_range_is_read_and_written() {
        for (line, range, written) in [
            ("bytes=0-0", Range::From(0, Some(0)), "bytes=0-0"),
            ("Bytes=007-9", Range::From(7, Some(9)), "bytes=7-9"),
            ("bytes=5-", Range::From(5, None), "bytes=5-"),
            ("bytes=-5", Range::Last(5), "bytes=-5"),
            ("bytes=-0", Range::Last(0), "bytes=-0"),
            ("bytes= , 1-2\t,", Range::From(1, Some(2)), "bytes=1-2"),
            ("bytes=1-99999999999999999999", Range::From(1, Some(u64::MAX)), "bytes=1-18446744073709551615"),
        ] {
            assert_eq!(of(&[line]), Some(range), "{line}");
            assert_eq!(range.header(), written);
        }
    }

    #[test]
    fn other_ranges_are_ignored() {
        for line in [
            "lines=1-2",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=2-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1",
            "bytes=1-2-3",
            "bytes=0-1,3-4",
            "bytes 0-1",
            " bytes=0 - 1",
        ] {
            assert_eq!(of(&[line]), None, "{line}");
        }
        assert_eq!(of(&["bytes=0-1", "bytes=0-1"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_response_is_kept_only_if_it_is_what_was_asked_for() {
        let decide = |range: Range, status: u16, content_range: &'static str, if_range: Option<&'static str>| {
            let headers = [
                (CONTENT_RANGE, HeaderValue::from_static(content_range)),
                (ETAG, HeaderValue::from_static("\"a\"")),
                (LAST_MODIFIED, HeaderValue::from_static("Sat, 01 Jan 2028 00:00:00 GMT")),
            ];
            let if_range = if_range.map(HeaderValue::from_static);
            range.decide(StatusCode::from_u16(status).unwrap(), &HeaderMap::from_iter(headers), if_range.as_ref())
        };
        let part = Range::From(0, Some(1));
        assert_eq!(decide(part, 206, "bytes 0-1/9", None), Decision::Keep);
        assert_eq!(decide(part, 206, "bytes 0-1/9", Some("\"a\"")), Decision::Keep);
        assert_eq!(decide(part, 206, "bytes 0-1/9", Some("Sat, 01 Jan 2028 00:00:00 GMT")), Decision::Keep);
        for changed in ["\"b\"", "W/\"a\"", "*", "a", "Sat, 01 Jan 2028 00:00:01 GMT"] {
            assert_eq!(decide(part, 206, "bytes 0-1/9", Some(changed)), Decision::Whole, "{changed}");
            assert_eq!(decide(part, 416, "bytes */9", Some(changed)), Decision::Whole, "{changed}");
            assert_eq!(decide(part, 304, "", Some(changed)), Decision::Keep, "{changed}");
        }
        assert_eq!(decide(part, 206, "bytes 0-0/0", None), Decision::NotSatisfiable);
        assert_eq!(decide(Range::Last(10), 416, "bytes */9", None), Decision::Whole);
        assert_eq!(decide(Range::Last(0), 416, "bytes */9", None), Decision::Keep);
    }
}
