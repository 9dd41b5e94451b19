use std::time::Duration;

use sqlx::sqlite::SqliteError;

/// The error of a query.
///
/// The text is fit for clients. The details are in the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL names no database.
    #[error("invalid database URL {url:?}, try sqlite:measurements.db or postgres://user@host/name")]
    InvalidUrl {
        /// The URL.
        url: String,
        /// The reason.
        source: sqlx::Error,
    },
    /// A lock is held or no connection is available. The error is temporary.
    #[error("database timed out, try again soon")]
    Busy(#[source] sqlx::Error),
    /// The database is missing or does not respond.
    #[error("database not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database rejects the query, for example because a table is missing.
    #[error("database rejected the query")]
    Rejected(#[source] sqlx::Error),
}

impl StoreError {
    /// Returns the delay after which to retry, if the error is temporary.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(_) => Some(Duration::from_secs(1)),
            Self::Unavailable(_) => Some(Duration::from_secs(5)),
            Self::InvalidUrl { .. } | Self::Rejected(_) => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                if error.try_downcast_ref::<SqliteError>().is_some() { of_sqlite(&code) } else { of_postgres(&code) }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unavailable,
            _ => Self::Rejected,
        };
        kind(error)
    }
}

type Kind = fn(sqlx::Error) -> StoreError;

/// Returns the kind of an `SQLite` code, see <https://www.sqlite.org/rescode.html>.
fn of_sqlite(code: &str) -> Kind {
    // The lowest byte of an extended code is the primary code.
    match code.parse::<i32>().map(|code| code & 0xff) {
        // BUSY, LOCKED.
        Ok(5 | 6) => StoreError::Busy,
        // IOERR, CORRUPT, FULL, CANTOPEN, NOTADB.
        Ok(10 | 11 | 13 | 14 | 26) => StoreError::Unavailable,
        _ => StoreError::Rejected,
    }
}

/// Returns the kind of a `PostgreSQL` code, see
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(code: &str) -> Kind {
    match code {
        // A lock is not available, a query timed out, or there are too many connections.
        "55P03" | "57014" | "53300" => StoreError::Busy,
        // The database does not exist, or the user has no access.
        "3D000" | "28000" | "28P01" => StoreError::Unavailable,
        // The server is stopping, has crashed, or has not started yet.
        code if code.starts_with("57P") => StoreError::Unavailable,
        _ => StoreError::Rejected,
    }
}
