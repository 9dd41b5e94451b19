use sqlx::{Database, Encode, Executor, IntoArguments, Pool, QueryBuilder, Type};

use crate::generate;

/// The number of rows per statement. Each row has 2 parameters, of which the databases allow 32766.
const BATCH: u64 = 1_000;

/// The statements that differ between the databases.
pub(super) struct Dialect {
    /// The start of a transaction. It takes the lock, so that only one process at a time fills.
    begin: &'static str,
    create: &'static str,
}

pub(super) const SQLITE: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    // A key of type INTEGER is the row id itself.
    create: "CREATE TABLE IF NOT EXISTS measurement (time INTEGER PRIMARY KEY, value REAL)",
};

pub(super) const POSTGRES: Dialect = Dialect {
    begin: "BEGIN",
    create: "CREATE TABLE IF NOT EXISTS measurement (time BIGINT PRIMARY KEY, value DOUBLE PRECISION)",
};

/// The result of [`Store::fill`](super::Store::fill).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// The store was empty, and now has this number of rows.
    With(u64),
    /// The store had rows already.
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
        let until = rows.min(done + BATCH);
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
