//! Players that go by the calendar.

use std::{fmt, str::FromStr as _, sync::Arc, time::SystemTime};

use jiff::{Timestamp, Zoned, tz::TimeZone};
use tokio::time::{Duration, Instant};

use super::{schedule::Schedule, ticking::Ticking, wall::Wall};
use crate::{context::Context, error::BoxError, player::Player};

/// A clock that is set back by less than this repeats no tick: what it says until it has caught up is not believed.
const BELIEVED: Duration = Duration::from_hours(1);

/// A player that plays `tick` at the times of a cron expression, in UTC unless set otherwise.
///
/// Five fields (minute, hour, day of the month, month, day of the week), six with seconds before them, seven with years behind; names, ranges,
/// steps, `L`, `W`, `#`, and nicknames such as `@daily`. It is read by the crate [`croner`](https://docs.rs/croner), which has the
/// details.
///
/// ```
/// use upbeat::{BoxError, Conductor, Context, time::cron};
///
/// async fn back_up(cx: Context) -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// # fn main() -> Result<(), upbeat::time::CronError> {
/// let nightly = cron("30 2 * * *", back_up)?.zone("Europe/Berlin")?.log_errors();
/// let shop = Conductor::new("shop").player("back-up", nightly);
/// # drop(shop);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the expression cannot be read, or says no time that is still to come, such as 30 February.
pub fn cron<P: Player>(expression: &str, tick: P) -> Result<Cron<P>, CronError> {
    let calendar = croner::Cron::from_str(expression)
        .map_err(|error| CronError::Expression { expression: expression.into(), source: error.into() })?;
    calendar
        .find_next_occurrence(&Timestamp::now().to_zoned(TimeZone::UTC), false)
        .map_err(|error| CronError::Never { expression: expression.into(), source: error.into() })?;
    let (zone, wall, ticking) = (TimeZone::UTC, Wall::default(), Ticking::default());
    Ok(Cron { tick: Arc::new(tick), calendar: Arc::new(calendar), zone, wall, ticking })
}

/// Why there is no player for a cron expression.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// The expression cannot be read.
    #[error("`{expression}` is no cron expression (it takes five to seven fields, such as `30 2 * * *`): {source}")]
    #[non_exhaustive]
    Expression {
        /// The expression.
        expression: Box<str>,
        /// What is wrong with it.
        source: BoxError,
    },
    /// The expression can be read, and no time is left that it says.
    #[error("the cron expression `{expression}` says no time that is still to come")]
    #[non_exhaustive]
    Never {
        /// The expression.
        expression: Box<str>,
        /// How the search for one ended.
        source: BoxError,
    },
    /// There is no such time zone here.
    #[error("the time zone `{zone}` is not known (it takes a name such as `Europe/Berlin`)")]
    #[non_exhaustive]
    Zone {
        /// The name.
        zone: Box<str>,
        /// Why not.
        source: BoxError,
    },
}

/// The player made by [`cron`].
///
/// # Guarantees
///
/// - Those of [`Every`](crate::time::Every) about stops, errors and signs of life.
/// - Ticks do not overlap. Times that pass while one runs become one tick, which begins when that has ended.
/// - Where clocks are put forward, a tick at a fixed time that is left out (02:30) runs at the first instant after the gap. Where they are put back, a
///   tick at a fixed time that comes twice runs once, the first time. Ticks at intervals (`*/5 * * * *`) go on by the real time.
/// - The wall clock is looked at every 30 s at least. When it is set forward over some times, they become one tick, at once. When it is set back by up to
///   an hour no tick is repeated; by more, and the new time is believed.
///
/// # Not guaranteed
///
/// Nothing is kept over a restart: times that passed before a run began are not made up for.
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Cron<P> {
    tick: Arc<P>,
    calendar: Arc<croner::Cron>,
    zone: TimeZone,
    wall: Wall,
    ticking: Ticking,
}

impl<P> Cron<P> {
    /// Reads the expression as times of this zone, such as `Europe/Berlin`, from the system's time zone database. Default: UTC.
    ///
    /// # Errors
    ///
    /// When the zone is not known here: not in the database, or there is none.
    pub fn zone(mut self, name: &str) -> Result<Self, CronError> {
        self.zone = TimeZone::get(name).map_err(|error| CronError::Zone { zone: name.into(), source: error.into() })?;
        Ok(self)
    }

    /// Reads the expression as times of the system's own zone, from `TZ` or `/etc/localtime`; UTC where neither says one.
    pub fn local(mut self) -> Self {
        self.zone = TimeZone::system();
        self
    }

    /// Puts off each tick by a random time of up to `most`. Default: none.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.ticking.jitter = most;
        self
    }

    /// As [`Every::cancel_on_stop`](crate::time::Every::cancel_on_stop).
    pub fn cancel_on_stop(mut self) -> Self {
        self.ticking.cancel_on_stop = true;
        self
    }

    /// As [`Every::log_errors`](crate::time::Every::log_errors).
    pub fn log_errors(mut self) -> Self {
        self.ticking.log_errors = true;
        self
    }

    /// Asks `now` for the time of day, in place of the system's clock. For tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall = Wall::new(now);
        self
    }
}

impl<P: Player> Player for Cron<P> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let (calendar, zone, wall) = (self.calendar.clone(), self.zone.clone(), self.wall.clone());
        let seen = wall.now();
        self.ticking.play(&cx, &self.tick, Times { calendar, zone, wall, seen }).await
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
struct Times {
    calendar: Arc<croner::Cron>,
    zone: TimeZone,
    wall: Wall,
    /// Until when all times are dealt with.
    seen: SystemTime,
}

impl Times {
    /// The first time after those that are dealt with. `None` if there is none, or the clock is beyond what a calendar knows.
    fn due(&self) -> Option<SystemTime> {
        let seen = Zoned::new(Timestamp::try_from(self.seen).ok()?, self.zone.clone());
        Some(self.calendar.find_next_occurrence(&seen, false).ok()?.timestamp().into())
    }
}

impl Schedule for Times {
    async fn next(&mut self) -> Instant {
        loop {
            let now = self.wall.now();
            if self.seen.duration_since(now).is_ok_and(|ahead| ahead >= BELIEVED) {
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
