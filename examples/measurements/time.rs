use std::{
    fmt,
    str::FromStr,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time in milliseconds, from 1970 to 9999. It is written as in RFC 3339, and stored as a number.
///
/// ```
/// use upbeat_measurements::Time;
///
/// let noon: Time = "2026-01-01T12:00:00Z".parse()?;
/// assert_eq!(noon.to_string(), "2026-01-01T12:00:00.000Z");
/// # Ok::<_, upbeat_measurements::InvalidTime>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// The error of a text that is no time, or of a time out of range.
#[derive(Debug, thiserror::Error)]
#[error("invalid time, write one from 1970 to 9999 such as 2026-01-01T12:00:00Z")]
#[non_exhaustive]
pub struct InvalidTime;

impl Time {
    /// The start of 1970.
    pub const MIN: Self = Self(0);
    /// The last millisecond of 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Returns the time this many milliseconds after the start of 1970, or `None` out of range.
    pub fn from_millis(millis: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Returns the milliseconds since the start of 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Returns the next millisecond, or [`MAX`](Self::MAX) itself after it.
    pub fn next(self) -> Self {
        Self::from_millis(self.0 + 1).unwrap_or(self)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = Duration::from_millis(self.0.unsigned_abs());
        humantime::format_rfc3339_millis(UNIX_EPOCH + since).fmt(f)
    }
}

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let time = humantime::parse_rfc3339_weak(text).map_err(|_| InvalidTime)?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| InvalidTime)?;
        i64::try_from(since.as_millis()).ok().and_then(Self::from_millis).ok_or(InvalidTime)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2026-01-01T12:00:00Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_parsed_as_it_is_written() {
        for millis in [0, 1, 1_767_225_600_123, Time::MAX.0] {
            let time = Time::from_millis(millis).expect("it is in the range");
            assert_eq!(time.to_string().parse::<Time>().expect("it was written"), time);
        }
        assert_eq!(Time::MAX.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!((Time::from_millis(-1), Time::MAX.next()), (None, Time::MAX));
        for text in ["", "yesterday", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }
}
