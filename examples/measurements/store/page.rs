use std::ops::{Range, RangeInclusive};

use futures_util::TryStreamExt as _;
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool, Row as _, Type};

use crate::{Fault, Measurement, Time};

/// The number of rows in a page. It is large enough that the cost of a query is small per row. It
/// bounds the memory of a stream, and the rows that a database reads for a dropped stream.
pub(crate) const ROWS: usize = 4_096;

/// The query of a page, in the order of the key, so that the database neither sorts nor skips rows.
const QUERY: &str = "SELECT time, value FROM measurement WHERE time >= $1 AND time < $2 ORDER BY time LIMIT $3";

/// The plausible temperatures in degrees Celsius.
const PLAUSIBLE: RangeInclusive<f64> = -273.15..=10_000.0;

/// A page of rows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// The start of the next page; `None` after the last page.
    pub(crate) next: Option<Time>,
}

pub(super) async fn read<DB>(pool: &Pool<DB>, range: Range<Time>) -> Result<Page, sqlx::Error>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'a> i64: Encode<'a, DB> + Decode<'a, DB> + Type<DB>,
    for<'a> f64: Decode<'a, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let mut connection = pool.acquire().await?;
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let query = sqlx::query(QUERY).bind(range.start.millis()).bind(range.end.millis()).bind(limit);
    let mut found = connection.fetch(query);
    let mut rows = Vec::with_capacity(ROWS);
    let mut last = None;
    while let Some(row) = found.try_next().await? {
        let millis = row.try_get(0)?;
        let time = Time::from_millis(millis).ok_or_else(|| sqlx::Error::Decode("time out of range".into()))?;
        last = Some(time);
        rows.push(Row { time, value: value(&row.try_get(1)) });
    }
    let next = last.filter(|_| rows.len() == ROWS).map(Time::next);
    Ok(Page { rows, next })
}

/// A row of a page, in half the memory of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    time: Time,
    value: Result<f64, BadValue>,
}

/// A problem of a value.
#[derive(Clone, Copy, Debug)]
enum BadValue {
    Missing,
    NotANumber,
    Implausible(f64),
}

fn value(found: &Result<Option<f64>, sqlx::Error>) -> Result<f64, BadValue> {
    match *found {
        Ok(Some(value)) if PLAUSIBLE.contains(&value) => Ok(value),
        Ok(Some(value)) => Err(BadValue::Implausible(value)),
        Ok(None) => Err(BadValue::Missing),
        Err(_) => Err(BadValue::NotANumber),
    }
}

impl From<Row> for Result<Measurement, Fault> {
    fn from(Row { time, value }: Row) -> Self {
        value.map(|value| Measurement { time, value }).map_err(|bad| match bad {
            BadValue::Missing => Fault::bad_row(time, "no value"),
            BadValue::NotANumber => Fault::bad_row(time, "value is not a number"),
            BadValue::Implausible(value) => Fault::bad_row(time, &format!("implausible value {value:e}")),
        })
    }
}
