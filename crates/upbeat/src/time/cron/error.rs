//! The errors of cron expressions and their time zones.

use crate::error::BoxError;

/// The error of [`cron`](super::cron), of its zones, and of a player whose calendar fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// The expression is invalid.
    #[error("invalid cron expression `{expression}`, expected five to seven fields such as `30 2 * * *`")]
    #[non_exhaustive]
    Expression {
        /// The expression.
        expression: Box<str>,
        /// The error of the parser.
        source: BoxError,
    },
    /// The expression is valid, and no time that it describes is in the future.
    #[error("cron expression `{expression}` has no future occurrence")]
    #[non_exhaustive]
    Never {
        /// The expression.
        expression: Box<str>,
        /// The error of the search.
        source: BoxError,
    },
    /// The time zone is not in the database.
    #[error("unknown time zone `{zone}`, expected a name such as `Europe/Berlin`")]
    #[non_exhaustive]
    Zone {
        /// The name.
        zone: Box<str>,
        /// The error of the lookup.
        source: BoxError,
    },
    /// The machine has no time zone database, as in an image from scratch.
    #[error(
        "no time zone database for `{zone}`: install the package `tzdata`, set `TZDIR` to its folder, \
         or build upbeat with the feature `cron-tzdb`"
    )]
    #[non_exhaustive]
    NoDatabase {
        /// The name of the zone, or the setting of the system that names it.
        zone: Box<str>,
        /// The error of the lookup.
        source: BoxError,
    },
    /// The system is set to a time zone that cannot be read.
    #[error("invalid time zone of the system, from `{setting}`")]
    #[non_exhaustive]
    Local {
        /// The setting: `TZ=` with its value, or a file.
        setting: Box<str>,
        /// The error of the lookup.
        source: BoxError,
    },
    /// The calendar cannot represent the time of the clock or the next time of the expression. It
    /// fails the player.
    #[error("failed to find the next time of cron expression `{expression}`")]
    #[non_exhaustive]
    Calendar {
        /// The expression.
        expression: Box<str>,
        /// The error of the calendar.
        source: BoxError,
    },
}
