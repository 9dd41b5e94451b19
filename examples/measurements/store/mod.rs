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

/// The maximum number of connections. A stream uses one only while it reads a page.
const MAX_CONNECTIONS: u32 = 8;
/// The timeout of a query that waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout of a query that waits for a lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
/// The idle time after which a connection is tested before it is used.
const TEST_AFTER: Duration = Duration::from_millis(500);
/// The timeout of a query in `PostgreSQL`, in milliseconds.
const QUERY_TIMEOUT: &str = "10000";

/// A time series in a database: an `SQLite` file, or `PostgreSQL`. Clones share their connections.
///
/// Each query has timeouts: 5 s for a connection, and 1 s for a lock.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The numbers of connections to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Connections {
    /// The number of open connections.
    pub(crate) open: usize,
    /// The number of open connections that are idle.
    pub(crate) idle: usize,
}

impl Store {
    /// Returns the database of a URL: `sqlite:measurements.db`, `sqlite:///var/lib/m.db`, or
    /// `postgres://user@host/name`. An `SQLite` file is created by [`fill`](Self::fill).
    ///
    /// It does not connect yet. If the database is not available, a query returns an error.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidUrl`].
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let invalid = |source| StoreError::InvalidUrl { url: url.to_owned(), source };
        let pools = if url.starts_with("sqlite:") {
            Pools::Sqlite(pool(bounded(SqliteConnectOptions::from_str(url).map_err(invalid)?)))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let millis = LOCK_TIMEOUT.as_millis().to_string();
            let limits = [("lock_timeout", millis.as_str()), ("statement_timeout", QUERY_TIMEOUT)];
            Pools::Postgres(pool(PgConnectOptions::from_str(url).map_err(invalid)?.options(limits)))
        } else {
            return Err(invalid(sqlx::Error::Configuration("the scheme is neither sqlite: nor postgres:".into())));
        };
        Ok(Self { pools })
    }

    /// Returns the database in an `SQLite` file, which is created by [`fill`](Self::fill).
    ///
    /// # Panics
    ///
    /// If it is called outside a tokio runtime.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self { pools: Pools::Sqlite(pool(bounded(SqliteConnectOptions::new().filename(path)))) }
    }

    /// Reads the first page of a range of time.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, it returns its connection. The database may still finish this
    /// page.
    pub(crate) async fn page(&self, range: Range<Time>) -> Result<Page, StoreError> {
        match &self.pools {
            Pools::Sqlite(pool) => page::read(pool, range).await,
            Pools::Postgres(pool) => page::read(pool, range).await,
        }
        .map_err(StoreError::from)
    }

    /// Fills an empty store with [generated](crate::generate) rows, and passes the current number
    /// of rows to `progress` repeatedly. A store with rows is not changed.
    ///
    /// All rows are inserted in one transaction.
    ///
    /// # Errors
    ///
    /// If the database fails. The store is then unchanged.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the transaction is rolled back.
    pub async fn fill(&self, rows: u64, progress: impl Fn(u64) + Send) -> Result<Filled, StoreError> {
        match &self.pools {
            Pools::Sqlite(pool) => {
                // Only `fill` creates a file. A query must not create an empty database.
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
        .busy_timeout(LOCK_TIMEOUT)
        // The thread of a connection reads a whole page without waiting for the task.
        .row_buffer_size(page::ROWS)
        // A negative size is in KiB. No page is read twice, so the default of 2 MB would be of no
        // use.
        .pragma("cache_size", "-256")
}

fn pool<DB: sqlx::Database>(options: <DB::Connection as sqlx::Connection>::Options) -> Pool<DB> {
    PoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(CONNECT_TIMEOUT)
        // A recently used connection is not tested, because a test doubles the round trips of a
        // page.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, about| {
            Box::pin(async move {
                if about.idle_for > TEST_AFTER {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
