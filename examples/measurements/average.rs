/// The average of the last values, up to the size of a window.
///
/// The cost of a value does not depend on the size of the window. Old values are never subtracted
/// from a sum, so rounding errors do not accumulate, and a huge value has no effect once it has
/// left the window.
///
/// ```
/// let mut average = upbeat_measurements::MovingAverage::new(3);
/// let averages = [1.0, 2.0, 3.0, 10.0].map(|value| average.push(value));
/// assert_eq!(averages, [None, None, Some(2.0), Some(5.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct MovingAverage {
    /// A block of the size of the window. Up to `position` it has the values of the current block.
    /// From there on, each element has the sum from it to the end of the previous block.
    block: Box<[f64]>,
    position: usize,
    /// The sum of the values of the current block.
    sum: f64,
    full: bool,
}

impl MovingAverage {
    /// Returns an average over `window` values, which is at least 1, and allocates their memory.
    pub fn new(window: usize) -> Self {
        Self { block: vec![0.0; window.max(1)].into(), position: 0, sum: 0.0, full: false }
    }

    /// Adds a value, and returns the average of the window that ends with it. Returns `None` until
    /// the window is full.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        self.block[self.position] = value;
        self.sum += value;
        self.position += 1;
        let sum = if let Some(rest_of_previous_block) = self.block.get(self.position) {
            if !self.full {
                return None;
            }
            rest_of_previous_block + self.sum
        } else {
            self.finish_block();
            self.block[0]
        };
        Some(sum / self.block.len() as f64)
    }

    /// Turns the current block into the previous one. This happens once per window, so it costs one
    /// addition per value.
    fn finish_block(&mut self) {
        let mut sum = 0.0;
        for value in self.block.iter_mut().rev() {
            sum += *value;
            *value = sum;
        }
        (self.position, self.sum, self.full) = (0, 0.0, true);
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
            for (index, value) in values.iter().enumerate() {
                let expected = (index + 1).checked_sub(window).map(|from| {
                    // Sums of integers are exact.
                    f64::from(values[from..=index].iter().sum::<i32>()) / window as f64
                });
                prop_assert_eq!(average.push(f64::from(*value)), expected);
            }
        }
    }

    #[test]
    fn neither_huge_values_nor_rounding_errors_have_lasting_effects() {
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
