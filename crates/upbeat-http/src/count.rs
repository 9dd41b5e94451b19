//! Counts as text.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_groups_of_three_digits() {
        assert_eq!(
            [0, 999, 1_000, 12_345, 1_234_567].map(|n| Count(n).to_string()),
            ["0", "999", "1,000", "12,345", "1,234,567"]
        );
    }
}
