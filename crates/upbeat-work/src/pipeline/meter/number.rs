//! Numbers that a person reads at a glance.

use std::fmt;

/// A number with two or three digits, and thousands by their letter: `950`, `3.1 k`, `1.2 M`.
pub(super) struct ShortNumber(pub(super) f64);

impl fmt::Display for ShortNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0;
        let mut letter = "";
        for next in [" k", " M", " G", " T"] {
            // A value that would round to 1000 is 1.0 of the next letter.
            if value < 999.5 {
                break;
            }
            value /= 1_000.0;
            letter = next;
        }
        let digits = usize::from(!letter.is_empty() && value < 9.95);
        write!(f, "{value:.digits$}{letter}")
    }
}

#[cfg(test)]
mod tests {
    use super::ShortNumber;

    #[test]
    fn numbers_have_two_or_three_digits() {
        let shown = [0.0, 12.4, 999.0, 999.6, 1_234.0, 12_345.0, 310_000.0, 999_999.0, 1.2e6, 5e13];
        let shown = shown.map(|value| ShortNumber(value).to_string());
        assert_eq!(shown, ["0", "12", "999", "1.0 k", "1.2 k", "12 k", "310 k", "1.0 M", "1.2 M", "50 T"]);
    }
}
