//! The time series in a database.

mod error;
mod fill;
mod page;

use std::{ops::Range, path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    Connection as _, PgPool, Pool, SqlitePool, pool::PoolOptions, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

pub use error::StoreError;
pub use fill::Filled;
pub(crate) use page::{Page, Row};

use crate::Time;

/// How many queries run at the same time. A stream has one only while it reads a page.
const CONNECTIONS: u32 = 8;
/// How long a query waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a query waits for somebody's lock.
const LOCKED_AT_MOST: Duration = Duration::from_secs(1);
/// How long a connection that nobody uses is believed to be open.
const TRUSTED: Duration = Duration::from_millis(500);
/// How long `PostgreSQL` may work on one query, so that no page hangs. In milliseconds.
const QUERY_AT_MOST: &str = "10000";

/// A time series in a database: `SQLite` in a file, or `PostgreSQL`. A cheap clone.
///
/// Every query has a bound: 5 s for a connection, 1 s for a lock that somebody holds.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// How many connections there are to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Connections {
    /// Open ones.
    pub(crate) open: usize,
    /// Those of them that nobody uses.
    pub(crate) idle: usize,
}

impl Store {
    /// The database of this URL: `sqlite:measurements.db`, `sqlite:///var/lib/m.db`, `postgres://user@host/name`. A file is made when it
    /// is first [filled](Self::fill).
    ///
    /// Nothing is connected yet: that a database cannot be reached shows when it is asked, and may change.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadUrl`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let bad = |source| StoreError::BadUrl { url: url.to_owned(), source };
        let pools = if url.starts_with("sqlite:") {
            Pools::Sqlite(pool(bounded(SqliteConnectOptions::from_str(url).map_err(bad)?)))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let millis = LOCKED_AT_MOST.as_millis().to_string();
            let limits = [("lock_timeout", millis.as_str()), ("statement_timeout", QUERY_AT_MOST)];
            Pools::Postgres(pool(PgConnectOptions::from_str(url).map_err(bad)?.options(limits)))
        } else {
            return Err(bad(sqlx::Error::Configuration("it begins with neither sqlite: nor postgres:".into())));
        };
        Ok(Self { pools })
    }

    /// A `SQLite` file, which is made when it is first [filled](Self::fill).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self { pools: Pools::Sqlite(pool(bounded(SqliteConnectOptions::new().filename(path)))) }
    }

    /// The first rows of this range of time, a page of them.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it gives its connection back; the database finishes at most this page.
    pub(crate) async fn page(&self, range: Range<Time>) -> Result<Page, StoreError> {
        match &self.pools {
            Pools::Sqlite(pool) => page::read(pool, range).await,
            Pools::Postgres(pool) => page::read(pool, range).await,
        }
        .map_err(StoreError::from)
    }

    /// Fills an empty store with so many [generated](crate::generate) rows, and calls `progress` with how many there are from time to time. One that has rows
    /// is left as it is.
    ///
    /// It is one transaction: whatever interrupts it, there are all rows or none.
    ///
    /// # Errors
    ///
    /// What the database says; nothing was changed then.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it is rolled back.
    pub async fn fill(&self, rows: u64, progress: impl Fn(u64) + Send) -> Result<Filled, StoreError> {
        match &self.pools {
            Pools::Sqlite(pool) => {
                // Only here: a server that is to serve what is there must not make an empty file where it is not.
                let file = pool.connect_options().as_ref().clone().create_if_missing(true);
                let pool: SqlitePool = self::pool(file);
                let filled = fill::fill(&pool, &fill::SQLITE, rows, progress).await;
                pool.close().await;
                filled
            }
            Pools::Postgres(pool) => fill::fill(pool, &fill::POSTGRES, rows, progress).await,
        }
        .map_err(StoreError::from)
    }

    pub(crate) fn connections(&self) -> Connections {
        let (open, idle) = match &self.pools {
            Pools::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pools::Postgres(pool) => (pool.size(), pool.num_idle()),
        };
        Connections { open: open.try_into().unwrap_or(usize::MAX), idle }
    }
}

fn bounded(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .busy_timeout(LOCKED_AT_MOST)
        // The thread of a connection reads a page on, whoever looks at it meanwhile.
        .row_buffer_size(page::ROWS)
        // In KiB, as it is negative. Nothing is read twice, so the 2 MB that it takes otherwise would be of no use.
        .pragma("cache_size", "-256")
}

fn pool<DB: sqlx::Database>(options: <DB::Connection as sqlx::Connection>::Options) -> Pool<DB> {
    PoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_WITHIN)
        // One that was used just now need not be asked whether it is still there: a page would take twice as many round trips.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, about| {
            Box::pin(async move {
                if about.idle_for > TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
