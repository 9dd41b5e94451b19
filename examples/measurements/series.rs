//! Adapters of a stream of measurements. All but [`split`] pass errors on. They keep no rows other
//! than those in the window.
//!
//! They work on any stream: the server applies them to a query, the client to a connection.

use futures_util::{Stream, StreamExt as _, future::ready};

use crate::{Averaged, Measurement, MovingAverage};

/// Keeps measurements of at least `minimum`.
pub fn at_least<S, E>(rows: S, minimum: f64) -> impl Stream<Item = Result<Measurement, E>>
where
    S: Stream<Item = Result<Measurement, E>>,
{
    rows.filter(move |row| ready(row.as_ref().is_ok_and(|row| row.value >= minimum) || row.is_err()))
}

/// Adds the average of the last `window` measurements, at least one. The first `window - 1`
/// measurements have no average, and are dropped.
pub fn averaged<S, E>(rows: S, window: usize) -> impl Stream<Item = Result<Averaged, E>>
where
    S: Stream<Item = Result<Measurement, E>>,
{
    let mut average = MovingAverage::new(window);
    rows.filter_map(move |row| {
        ready(match row {
            Ok(Measurement { time, value }) => average.push(value).map(|average| Ok(Averaged { time, value, average })),
            Err(error) => Some(Err(error)),
        })
    })
}

/// Keeps measurements whose average is above `threshold`.
pub fn above<S, E>(rows: S, threshold: f64) -> impl Stream<Item = Result<Averaged, E>>
where
    S: Stream<Item = Result<Averaged, E>>,
{
    rows.filter(move |row| ready(row.as_ref().is_ok_and(|row| row.average > threshold) || row.is_err()))
}

/// Keeps measurements, and passes each error to `on_error`.
pub fn split<S, T, E>(rows: S, mut on_error: impl FnMut(E)) -> impl Stream<Item = T>
where
    S: Stream<Item = Result<T, E>>,
{
    rows.filter_map(move |row| ready(row.map_err(&mut on_error).ok()))
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, stream};

    use super::*;
    use crate::generate;

    fn rows() -> Vec<Result<Measurement, &'static str>> {
        let row = |(number, value)| Ok(Measurement { time: generate::time(number), value });
        let mut rows: Vec<_> = (0..).zip([1.0, 5.0, 3.0, 8.0, 2.0]).map(row).collect();
        rows.insert(2, Err("bad"));
        rows
    }

    fn values<E>(rows: impl Stream<Item = Result<Averaged, E>>) -> Vec<Result<(f64, f64), E>> {
        let rows = rows.map(|row| row.map(|row| (row.value, row.average)));
        rows.collect().now_or_never().expect("nothing to wait for")
    }

    #[test]
    fn an_average_is_of_the_filtered_values_and_errors_pass() {
        let rows = stream::iter(rows());
        let rows = above(averaged(at_least(rows, 2.0), 2), 4.0);
        assert_eq!(values(rows), [Err("bad"), Ok((8.0, 5.5)), Ok((2.0, 5.0))]);
    }

    #[test]
    fn bounds_are_inclusive_below_and_exclusive_above() {
        let rows = averaged(at_least(stream::iter(rows()), 3.0), 1);
        assert_eq!(values(above(rows, 3.0)), [Ok((5.0, 5.0)), Err("bad"), Ok((8.0, 8.0))]);
    }

    #[test]
    fn errors_are_split_off_in_order() {
        let mut errors = Vec::new();
        let good = split(stream::iter(rows()), |error| errors.push(error)).map(|row| row.value);
        assert_eq!(good.collect::<Vec<_>>().now_or_never(), Some(vec![1.0, 5.0, 3.0, 8.0, 2.0]));
        assert_eq!(errors, ["bad"]);
    }
}
