use std::time::Duration;

use sqlx::sqlite::SqliteError;

/// Why a database cannot be asked.
///
/// The messages are fit for strangers; what the database itself says is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL names no database.
    #[error("{url:?} is no URL of a database; try sqlite:measurements.db or postgres://user@host/name")]
    BadUrl {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        source: sqlx::Error,
    },
    /// Somebody else holds a lock, all connections are in use, or there is none to be had yet. It will pass.
    #[error("the database did not answer in time; try again soon")]
    Busy(#[source] sqlx::Error),
    /// It is not there, or does not answer.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// It refuses the query: a table that is missing, or not as it should be.
    #[error("the database refuses the query")]
    Refused(#[source] sqlx::Error),
}

impl StoreError {
    /// When it makes sense to ask again, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(_) => Some(Duration::from_secs(1)),
            Self::Unavailable(_) => Some(Duration::from_secs(5)),
            Self::BadUrl { .. } | Self::Refused(_) => None,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(said) => {
                let code = said.code().unwrap_or_default();
                if said.try_downcast_ref::<SqliteError>().is_some() { of_sqlite(&code) } else { of_postgres(&code) }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unavailable,
            _ => Self::Refused,
        };
        kind(error)
    }
}

type Kind = fn(sqlx::Error) -> StoreError;

/// By <https://www.sqlite.org/rescode.html>.
fn of_sqlite(code: &str) -> Kind {
    // The extended codes have the primary one in their lowest byte.
    match code.parse::<i32>().map(|code| code & 0xff) {
        // BUSY, LOCKED.
        Ok(5 | 6) => StoreError::Busy,
        // IOERR, CORRUPT, FULL, CANTOPEN, NOTADB.
        Ok(10 | 11 | 13 | 14 | 26) => StoreError::Unavailable,
        _ => StoreError::Refused,
    }
}

/// By <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(code: &str) -> Kind {
    match code {
        // A lock that is not available, a query that took too long, too many connections.
        "55P03" | "57014" | "53300" => StoreError::Busy,
        // No such database, or not for this user.
        "3D000" | "28000" | "28P01" => StoreError::Unavailable,
        // Stopping, crashed, or not yet started.
        code if code.starts_with("57P") => StoreError::Unavailable,
        _ => StoreError::Refused,
    }
}
