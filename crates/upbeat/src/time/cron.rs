//! Players that run at times of the calendar.

use std::{fmt, str::FromStr as _, sync::Arc, time::SystemTime};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use tokio::time::{Duration, Instant};

use super::{
    schedule::Schedule,
    ticking::{Ticking, ticking_options},
    wall::WallClock,
};
use crate::{context::Context, error::BoxError, player::Player};

/// The shortest setback of the clock that takes effect. After a shorter one, no tick is repeated.
const MIN_SETBACK: Duration = Duration::from_hours(1);

/// Returns a player that plays `tick` at the times of a cron expression, in UTC unless set
/// otherwise.
///
/// The expression has five fields (minute, hour, day of the month, month, day of the week), six
/// with seconds before them, or seven with years after them. Names, ranges, steps, `L`, `W`, `#`,
/// and nicknames such as `@daily` are supported. The crate [`croner`](https://docs.rs/croner)
/// parses it and documents the details.
///
/// ```
/// use upbeat::{BoxError, Conductor, Context, time::{CronError, cron}};
///
/// async fn back_up(cx: Context) -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// # fn main() -> Result<(), CronError> {
/// let nightly = cron("30 2 * * *", back_up)?.zone("Europe/Berlin")?.log_errors();
/// let shop = Conductor::new("shop").player("back-up", nightly);
/// # drop(shop);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the expression is invalid, or has no future occurrence, such as 30 February.
pub fn cron<P: Player>(expression: &str, tick: P) -> Result<Cron<P>, CronError> {
    let calendar = croner::Cron::from_str(expression)
        .map_err(|error| CronError::Expression { expression: expression.into(), source: error.into() })?;
    calendar
        .find_next_occurrence(&Timestamp::now().to_zoned(TimeZone::UTC), false)
        .map_err(|error| CronError::Never { expression: expression.into(), source: error.into() })?;
    let (zone, wall, ticking) = (TimeZone::UTC, WallClock::default(), Ticking::default());
    Ok(Cron { tick: Arc::new(tick), calendar: Arc::new(calendar), zone, wall, ticking })
}

/// The error of [`cron`] and [`Cron::zone`].
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
    /// The time zone is not in the system's database.
    #[error("unknown time zone `{zone}`, expected a name such as `Europe/Berlin`")]
    #[non_exhaustive]
    Zone {
        /// The name.
        zone: Box<str>,
        /// The error of the lookup.
        source: BoxError,
    },
}

/// A player that plays a tick at the times of a cron expression, made by [`cron`].
///
/// # Guarantees
///
/// - Those of [`Every`](crate::time::Every) about stops, errors and heartbeats.
/// - Ticks do not overlap. Times that pass while a tick runs become one tick, which begins when the
///   running one has ended.
/// - Where clocks are put forward, a tick at a fixed time in the gap (02:30) runs at the first
///   instant after the gap. Where they are put back, a tick at a fixed time that occurs twice runs
///   once, the first time. Ticks at intervals (`*/5 * * * *`) follow the elapsed time.
/// - The wall clock is read every 30 s at least. If it is set forward over some times, they become
///   one tick, at once. If it is set back by less than an hour, no tick is repeated. If it is set
///   back by more, the new time takes effect.
///
/// # Not guaranteed
///
/// Nothing is kept across a restart: times that passed before a run began are not made up for.
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Cron<P> {
    tick: Arc<P>,
    calendar: Arc<croner::Cron>,
    zone: TimeZone,
    wall: WallClock,
    ticking: Ticking,
}

impl<P> Cron<P> {
    /// Sets the zone of the expression, such as `Europe/Berlin`, from the system's time zone
    /// database. Default: UTC.
    ///
    /// # Errors
    ///
    /// If the zone is not in the database, or there is no database.
    pub fn zone(mut self, name: &str) -> Result<Self, CronError> {
        self.zone = TimeZone::get(name).map_err(|error| CronError::Zone { zone: name.into(), source: error.into() })?;
        Ok(self)
    }

    /// Sets the zone of the expression to that of the system, from `TZ` or `/etc/localtime`. UTC if
    /// neither names one.
    pub fn local(mut self) -> Self {
        self.zone = TimeZone::system();
        self
    }

    /// Sets the longest random delay of a tick, so that many processes do not act at the same
    /// instant. Default: none.
    pub fn jitter(mut self, max: Duration) -> Self {
        self.ticking.jitter = max;
        self
    }

    /// Reads the time of day from `now` instead of the system's clock, for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall = WallClock::new(now);
        self
    }

    ticking_options!();
}

impl<P: Player> Player for Cron<P> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let (calendar, zone, wall) = (self.calendar.clone(), self.zone.clone(), self.wall.clone());
        let seen = wall.now();
        self.ticking.play(&cx, &self.tick, CalendarTimes { calendar, zone, wall, seen }).await
    }
}

impl<P> fmt::Debug for Cron<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cron")
            .field("expression", &self.calendar.as_str())
            .field("zone", &self.zone.iana_name())
            .field("ticking", &self.ticking)
            .finish_non_exhaustive()
    }
}

/// The times of a cron expression.
struct CalendarTimes {
    calendar: Arc<croner::Cron>,
    zone: TimeZone,
    wall: WallClock,
    /// The time up to which all times have become ticks.
    seen: SystemTime,
}

impl CalendarTimes {
    /// Returns the first time after `seen`, if there is one and the calendar can represent it.
    fn due(&self) -> Option<SystemTime> {
        let seen = Zoned::new(Timestamp::try_from(self.seen).ok()?, self.zone.clone());
        Some(self.calendar.find_next_occurrence(&seen, false).ok()?.timestamp().into())
    }
}

impl Schedule for CalendarTimes {
    async fn next(&mut self) -> Instant {
        loop {
            let now = self.wall.now();
            if self.seen.duration_since(now).is_ok_and(|ahead| ahead >= MIN_SETBACK) {
                self.seen = now;
            }
            let Some(due) = self.due() else { return std::future::pending().await };
            if !self.wall.sleep_towards(due).await {
                self.seen = self.seen.max(self.wall.now());
                let late = self.seen.duration_since(due).unwrap_or_default();
                return Instant::now().checked_sub(late).unwrap_or_else(Instant::now);
            }
        }
    }
}
