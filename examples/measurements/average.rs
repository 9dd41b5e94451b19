/// The average of the last values, as many as the window holds.
///
/// A value costs the same however large the window is. The sums are made of additions alone, never by taking out what was added long ago: so rounding does not
/// pile up over millions of values, and one that was huge leaves nothing behind.
///
/// ```
/// let mut average = upbeat_measurements::MovingAverage::new(3);
/// let averages = [1.0, 2.0, 3.0, 10.0].map(|value| average.push(value));
/// assert_eq!(averages, [None, None, Some(2.0), Some(5.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct MovingAverage {
    /// Up to `at` the values of this block, one window long; from there what the values of the block before it sum up to, from each place to its end.
    block: Box<[f64]>,
    at: usize,
    /// The sum of this block's values.
    sum: f64,
    full: bool,
}

impl MovingAverage {
    /// Of so many values; at least one. Their memory is taken here.
    pub fn new(window: usize) -> Self {
        Self { block: vec![0.0; window.max(1)].into(), at: 0, sum: 0.0, full: false }
    }

    /// Adds a value. The average of the last ones, this included; `None` as long as there were fewer than the window holds.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.block[self.at] = value;
        self.sum += value;
        self.at += 1;
        let sum = if let Some(rest_of_the_block_before) = self.block.get(self.at) {
            if !self.full {
                return None;
            }
            rest_of_the_block_before + self.sum
        } else {
            self.sum_up();
            self.block[0]
        };
        Some(sum / self.block.len() as f64)
    }

    /// This block becomes the one before. Once for each window, so that each value pays for one addition.
    fn sum_up(&mut self) {
        let mut sum = 0.0;
        for value in self.block.iter_mut().rev() {
            sum += *value;
            *value = sum;
        }
        (self.at, self.sum, self.full) = (0, 0.0, true);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_average_of_the_last_values(
            values in proptest::collection::vec(-1_000_i32..1_000, 0..200),
            window in 1_usize..40,
        ) {
            let mut average = MovingAverage::new(window);
            for (at, value) in values.iter().enumerate() {
                let expected = (at + 1).checked_sub(window).map(|from| {
                    // Sums of whole numbers are exact.
                    f64::from(values[from..=at].iter().sum::<i32>()) / window as f64
                });
                prop_assert_eq!(average.push(f64::from(*value)), expected);
            }
        }
    }

    #[test]
    fn a_huge_value_leaves_nothing_behind_and_rounding_does_not_pile_up() {
        let mut average = MovingAverage::new(3);
        let mut last = None;
        for value in [1e300, 0.1, 0.2, 0.3] {
            last = average.push(value);
        }
        assert!((last.expect("three") - 0.2).abs() < 1e-15, "{last:?}");
        for _ in 0..1_000_000 {
            last = average.push(0.1);
        }
        assert!((last.expect("three") - 0.1).abs() < 1e-15, "{last:?}");
    }
}
