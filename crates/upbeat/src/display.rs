//! Durations as text and as numbers.

use std::time::Duration;

/// A duration as people read it: milliseconds below a second, tenths of seconds above.
pub(crate) fn human(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Returns a duration in milliseconds, for a field of a log event.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(feature = "serde")]
pub(crate) fn as_secs<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[cfg(feature = "serde")]
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn as_maybe_secs<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&time.map(|time| time.as_secs_f64()), serializer)
}
