use sqlx::{Database, Encode, Executor, IntoArguments, Pool, QueryBuilder, Type};

use crate::generate;

/// How many rows one statement inserts: 2 parameters for each, of which the databases allow 32766.
const AT_ONCE: u64 = 1_000;

/// What is said in its own words to each database.
pub(super) struct Dialect {
    /// The lock comes with it, so that two who fill at the same time do not meet halfway.
    begin: &'static str,
    create: &'static str,
}

pub(super) const SQLITE: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    // The very name INTEGER makes the key the place of the row itself.
    create: "CREATE TABLE IF NOT EXISTS measurement (time INTEGER PRIMARY KEY, value REAL)",
};

pub(super) const POSTGRES: Dialect = Dialect {
    begin: "BEGIN",
    create: "CREATE TABLE IF NOT EXISTS measurement (time BIGINT PRIMARY KEY, value DOUBLE PRECISION)",
};

/// What became of the wish to [fill](super::Store::fill) a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// It was empty, and has so many rows now.
    With(u64),
    /// It had rows already.
    Before,
}

pub(super) async fn fill<DB>(
    pool: &Pool<DB>,
    dialect: &Dialect,
    rows: u64,
    progress: impl Fn(u64),
) -> Result<Filled, sqlx::Error>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'a> i64: Encode<'a, DB> + Type<DB>,
    for<'a> Option<f64>: Encode<'a, DB> + Type<DB>,
{
    let mut transaction = pool.begin_with(dialect.begin).await?;
    transaction.execute(dialect.create).await?;
    if transaction.fetch_optional("SELECT 1 FROM measurement LIMIT 1").await?.is_some() {
        return Ok(Filled::Before);
    }
    let mut done = 0;
    while done < rows {
        let until = rows.min(done + AT_ONCE);
        let mut insert = QueryBuilder::new("INSERT INTO measurement (time, value) ");
        insert.push_values(done..until, |mut row, number| {
            row.push_bind(generate::time(number).millis()).push_bind(generate::value(number));
        });
        transaction.execute(insert.build()).await?;
        done = until;
        progress(done);
    }
    transaction.commit().await?;
    Ok(Filled::With(rows))
}
