//! Durations, counts and panic messages as text.

use std::{any::Any, fmt, time::Duration};

/// A duration as `420 ms`, `3.2 s`, `2 min 5 s` or `3 h 4 min`.
pub(crate) struct Age(pub(crate) Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 => write!(f, "{}.{} s", seconds, self.0.subsec_millis() / 100),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

/// A count as `12,345`.
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_counts_are_formatted() {
        let ages: Vec<_> = [420, 3_250, 125_000, 11_040_000]
            .map(|ms| Age(Duration::from_millis(ms)).to_string())
            .into_iter()
            .collect();
        assert_eq!(ages, ["420 ms", "3.2 s", "2 min 5 s", "3 h 4 min"]);
        assert_eq!(
            [0, 999, 1_000, 12_345, 1_234_567].map(|n| Count(n).to_string()),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
