/// Returns the value below which the fraction `q` of the values lies.
pub(crate) fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index, between 0 and the length")]
    let at = ((values.len() - 1) as f64 * q).round() as usize;
    values[at]
}

/// Returns the median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

/// Returns the median over all rounds of the ratio of a contender to the baseline of the same
/// round.
pub(crate) fn ratio(contender: &[f64], baseline: &[f64]) -> f64 {
    median(contender.iter().zip(baseline).map(|(contender, baseline)| contender / baseline))
}
