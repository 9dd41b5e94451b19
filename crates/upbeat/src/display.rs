//! Durations as text and as numbers.

use std::{fmt, time::Duration};

/// A duration as text: `420 ms`, `3.2 s`, `2 min 5 s`, `3 h 4 min`.
///
/// Reports, log texts and snapshots show durations in this form.
///
/// ```
/// use std::time::Duration;
/// use upbeat::report::HumanDuration;
///
/// assert_eq!(HumanDuration(Duration::from_millis(3_250)).to_string(), "3.2 s");
/// assert_eq!(HumanDuration(Duration::from_secs(125)).to_string(), "2 min 5 s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (large, large_unit, small, small_unit) = match seconds {
            0 => return write!(f, "{} ms", self.0.as_millis()),
            1..60 => return write!(f, "{}.{} s", seconds, self.0.subsec_millis() / 100),
            60..3600 => (seconds / 60, "min", seconds % 60, "s"),
            _ => (seconds / 3600, "h", seconds / 60 % 60, "min"),
        };
        write!(f, "{large} {large_unit}")?;
        if small > 0 { write!(f, " {small} {small_unit}") } else { Ok(()) }
    }
}

/// Returns a duration as text.
pub(crate) fn human(time: Duration) -> HumanDuration {
    HumanDuration(time)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_at_most_two_units() {
        let texts = [0, 420, 999, 3_250, 59_999, 60_000, 125_000, 3_600_000, 11_040_000, 86_400_000]
            .map(|ms| HumanDuration(Duration::from_millis(ms)).to_string());
        let expected =
            ["0 ms", "420 ms", "999 ms", "3.2 s", "59.9 s", "1 min", "2 min 5 s", "1 h", "3 h 4 min", "24 h"];
        assert_eq!(texts, expected);
    }
}
