use std::{
    fmt,
    str::FromStr,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time to the millisecond, from 1970 to 9999: what RFC 3339 can write and a database can keep as a number.
///
/// ```
/// use upbeat_measurements::Time;
///
/// let noon: Time = "2026-01-01T12:00:00Z".parse()?;
/// assert_eq!(noon.to_string(), "2026-01-01T12:00:00.000Z");
/// # Ok::<_, upbeat_measurements::NoTime>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A text that is no time, or a time that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("a time is written as 2026-01-01T12:00:00Z, from 1970 to 9999")]
#[non_exhaustive]
pub struct NoTime;

impl Time {
    /// The beginning of 1970.
    pub const MIN: Self = Self(0);
    /// The last millisecond of 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// So many milliseconds after the beginning of 1970; `None` where that cannot be written.
    pub fn from_millis(millis: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since the beginning of 1970.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The next millisecond; the last one has none, and gives itself.
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
    type Err = NoTime;

    fn from_str(text: &str) -> Result<Self, NoTime> {
        let time = humantime::parse_rfc3339_weak(text).map_err(|_| NoTime)?;
        let since = time.duration_since(UNIX_EPOCH).map_err(|_| NoTime)?;
        i64::try_from(since.as_millis()).ok().and_then(Self::from_millis).ok_or(NoTime)
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
    fn what_is_written_is_read() {
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
