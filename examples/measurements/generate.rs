//! Generated measurements. The same number always gives the same row.

use crate::Time;

/// The time of the first row: the start of 2026.
const FIRST: i64 = 1_767_225_600_000;

/// Returns the time of row `number`, with one row per second.
///
/// For a number above some 250 thousand million it is the [last time](Time::MAX).
pub fn time(number: u64) -> Time {
    let millis = i64::try_from(number).ok().and_then(|number| number.checked_mul(1_000)?.checked_add(FIRST));
    millis.and_then(Time::from_millis).unwrap_or(Time::MAX)
}

/// Returns the value of row `number`: about 20 degrees, warmer in the afternoon, with noise, in
/// hundredths.
///
/// One in ten thousand is `None`, as from a failed sensor. One in a hundred thousand is
/// implausible.
pub fn value(number: u64) -> Option<f64> {
    const DAY: u64 = 86_400;
    if number % 10_000 == 5_000 {
        return None;
    }
    if number % 100_000 == 77_777 {
        return Some(1e12);
    }
    let part_of_day = (number % DAY) as f64 / DAY as f64;
    let noise = fastrand::Rng::with_seed(number).f64() * 4.0 - 2.0;
    let degrees = 20.0 - 8.0 * (part_of_day * std::f64::consts::TAU).cos() + noise;
    Some((degrees * 100.0).round() / 100.0)
}
