use std::ops::{Range, RangeInclusive};

use futures_util::TryStreamExt as _;
use sqlx::{ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, Pool, Row as _, Type};

use crate::{Fault, Measurement, Time};

/// How many rows a page has. Large enough that a query for each costs nothing beside them; and it is what a stream keeps in memory, and what a database
/// still reads for a stream that nobody reads any more.
pub(crate) const ROWS: usize = 4_096;

/// In the order of the key, so that a page begins where the one before it ended and nothing is sorted or skipped.
const QUERY: &str = "SELECT time, value FROM measurement WHERE time >= $1 AND time < $2 ORDER BY time LIMIT $3";

/// What a thermometer may say: nothing outside comes from one.
const PLAUSIBLE: RangeInclusive<f64> = -273.15..=10_000.0;

/// Some rows, and where the next ones begin.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) rows: Vec<Row>,
    /// `None` after the last page.
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
    let most = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let query = sqlx::query(QUERY).bind(range.start.millis()).bind(range.end.millis()).bind(most);
    let mut found = connection.fetch(query);
    let mut rows = Vec::with_capacity(ROWS);
    let mut last = None;
    while let Some(row) = found.try_next().await? {
        let millis = row.try_get(0)?;
        let time = Time::from_millis(millis).ok_or_else(|| sqlx::Error::Decode("a time out of its range".into()))?;
        last = Some(time);
        rows.push(Row { time, value: value(&row.try_get(1)) });
    }
    let next = last.filter(|_| rows.len() == ROWS).map(Time::next);
    Ok(Page { rows, next })
}

/// A row as it lies in a page: in half the memory of what it becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    time: Time,
    value: Result<f64, Bad>,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug)]
enum Bad {
    Missing,
    NoNumber,
    Implausible(f64),
}

fn value(found: &Result<Option<f64>, sqlx::Error>) -> Result<f64, Bad> {
    match *found {
        Ok(Some(value)) if PLAUSIBLE.contains(&value) => Ok(value),
        Ok(Some(value)) => Err(Bad::Implausible(value)),
        Ok(None) => Err(Bad::Missing),
        Err(_) => Err(Bad::NoNumber),
    }
}

impl From<Row> for Result<Measurement, Fault> {
    fn from(Row { time, value }: Row) -> Self {
        value.map(|value| Measurement { time, value }).map_err(|bad| match bad {
            Bad::Missing => Fault::bad_row(time, "there is no value"),
            Bad::NoNumber => Fault::bad_row(time, "the value is no number"),
            Bad::Implausible(value) => {
                Fault::bad_row(time, &format!("the value {value:e} is beyond what can be measured"))
            }
        })
    }
}
