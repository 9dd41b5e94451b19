//! Players that run at times of the calendar.

mod calendar;
mod error;
mod times;
mod zone;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::SystemTime};

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

pub use self::error::CronError;
use self::{
    calendar::Calendar,
    times::{CalendarTimes, NextTick},
};
use super::{
    schedule::Schedule,
    ticking::{Ticking, ticking_options},
    wall::WallClock,
};
use crate::{context::Context, error::BoxError, player::Player, targets};

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
/// # Changes of the clock
///
/// The times of an expression are *fixed* if its seconds, minutes and hours have no `*`. Those of
/// `30 2 * * *`, `30 2,14 * * *` and `0 9-17 * * *` are fixed. With a `*`, as in `0 * * * *` and
/// `*/10 2 * * *`, the times are *intervals*.
///
/// | the clock | fixed times | intervals |
/// |---|---|---|
/// | of the zone goes forward, in spring | times in the gap are one tick, at its end | times in the gap are left out |
/// | of the zone goes back, in autumn | the repeated times tick once, the first time | the repeated times tick twice |
/// | is set forward | the times in between are one tick, at once | the same |
/// | is set back by less than a minute | no tick is repeated | no tick is repeated |
/// | is set back by less than three hours | no tick is repeated | the new time takes effect |
/// | is set back by more | the new time takes effect | the new time takes effect |
///
/// In other words, a fixed time ticks at the first instant at which the clock of the zone shows
/// that time or a later one. This also holds for a gap that ends on another day: where a zone
/// leaves out a whole day, the times of that day are one tick at the begin of the next day.
/// Intervals tick whenever the clock of the zone shows one of their times.
///
/// A change to the clock of the machine is noticed within 30 seconds. A time zone is set with
/// [`zone`](Cron::zone) or [`local`](Cron::local), and with neither its clock is never changed.
///
/// These are the rules of Vixie cron, with one difference. If the clock is set forward, Vixie cron
/// leaves out intervals, and after three hours also fixed times. Here they become one tick, because
/// a machine that was suspended looks the same.
///
/// # Errors
///
/// If the expression is invalid, or has no future occurrence, such as 30 February.
pub fn cron<P: Player>(expression: &str, tick: P) -> Result<Cron<P>, CronError> {
    let calendar = Calendar::parse(expression, Timestamp::now())?;
    Ok(Cron { tick: Arc::new(tick), calendar, wall: WallClock::default(), ticking: Ticking::default() })
}

/// A player that plays a tick at the times of a cron expression, made by [`cron`].
///
/// # Guarantees
///
/// - Those of [`Every`](crate::time::Every) about stops, errors and heartbeats.
/// - Ticks do not overlap. Times that pass while a tick runs become one tick, which begins when the
///   running one has ended.
/// - No time is lost or repeated when clocks change, except as the table of [`cron`] says.
/// - An error of the calendar fails the player with [`CronError::Calendar`].
///
/// # Not guaranteed
///
/// Nothing is kept across a restart: times that passed before a run began are not made up for. An
/// expression with years may have a last time. After that the player waits for its stop, and logs a
/// warning.
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Cron<P> {
    tick: Arc<P>,
    calendar: Calendar,
    wall: WallClock,
    ticking: Ticking,
}

impl<P> Cron<P> {
    /// Sets the zone of the expression, such as `Europe/Berlin`, from the time zone database of the
    /// system. Default: UTC.
    ///
    /// The database is in `TZDIR`, or else in the usual folders such as `/usr/share/zoneinfo`. An
    /// image from scratch has none. The feature `cron-tzdb` builds one in, which is used if the
    /// system has none.
    ///
    /// # Errors
    ///
    /// [`CronError::Zone`] if the zone is not in the database, [`CronError::NoDatabase`] if there
    /// is no database.
    pub fn zone(mut self, name: &str) -> Result<Self, CronError> {
        self.calendar.zone = zone::named(name)?;
        Ok(self)
    }

    /// Sets the zone of the expression to that of the system, from `TZ` or `/etc/localtime`.
    ///
    /// `TZ` is a name such as `Europe/Berlin`, a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`, or the
    /// path of a file. A colon before it has no effect. If `TZ` is empty, or neither is there, the
    /// zone is UTC. The zone is read here, once: a later change has no effect.
    ///
    /// # Errors
    ///
    /// If there is a setting that cannot be used: [`CronError::NoDatabase`] if there is no database
    /// that contains the zone, [`CronError::Local`] otherwise.
    pub fn local(mut self) -> Result<Self, CronError> {
        self.calendar.zone = zone::local()?;
        Ok(self)
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
        let times = CalendarTimes::new(self.calendar.clone(), now(&self.calendar, &self.wall)?);
        let schedule = CronSchedule { times, wall: self.wall.clone(), player: cx.path().into(), has_ended: false };
        self.ticking.play(&cx, &self.tick, schedule).await
    }
}

/// Returns the time of the wall clock.
fn now(calendar: &Calendar, wall: &WallClock) -> Result<Timestamp, CronError> {
    Timestamp::try_from(wall.now()).map_err(|error| calendar.error(error.into()))
}

impl<P> fmt::Debug for Cron<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cron")
            .field("expression", &self.calendar.text())
            .field("zone", &self.calendar.zone.iana_name())
            .field("ticking", &self.ticking)
            .finish_non_exhaustive()
    }
}

/// The times of a calendar, awaited on a wall clock.
struct CronSchedule {
    times: CalendarTimes,
    wall: WallClock,
    player: Box<str>,
    /// Whether the end of the times was logged.
    has_ended: bool,
}

impl Schedule for CronSchedule {
    async fn next(&mut self) -> Result<Instant, BoxError> {
        loop {
            let now = now(self.times.calendar(), &self.wall)?;
            match self.times.next(now)? {
                NextTick::Due(late) => {
                    let now = Instant::now();
                    return Ok(now.checked_sub(late).unwrap_or(now));
                }
                NextTick::In(left) => self.wall.sleep_at_most(left).await,
                NextTick::Never => {
                    if !std::mem::replace(&mut self.has_ended, true) {
                        let (player, expression) = (&*self.player, self.times.calendar().text());
                        tracing::warn!(target: targets::TIME, player, expression, "no further tick, all times have passed");
                    }
                    self.wall.sleep_at_most(Duration::MAX).await;
                }
            }
        }
    }
}
