//! Players that do something again and again.

use std::{fmt, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    period::{MissedTick, Period},
    schedule::later,
    ticking::Ticking,
};
use crate::{context::Context, error::BoxError, player::Player};

/// The finest period: what the runtime's timers can tell apart.
const FINEST: Duration = Duration::from_millis(1);

/// A player that plays `tick` once in every `period`, for as long as it runs.
///
/// What ticks is a player too, so all that makes players makes ticks: an async function or closure, [`with`](crate::with) a state. Its
/// `play` does one tick's work, and its `Ok` says that this tick is done.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Conductor, Context, time::{MissedTick, every}};
///
/// async fn sweep(cx: Context) -> Result<(), BoxError> {
///     // remove what has expired
///     Ok(())
/// }
///
/// let shop = Conductor::new("shop").player(
///     "sweeper",
///     every(Duration::from_secs(60), sweep)
///         .missed(MissedTick::Skip)
///         .jitter(Duration::from_secs(5))
///         .log_errors(),
/// );
/// # drop(shop);
/// ```
///
/// The first tick begins at once, ticks do not overlap, missed ones are [skipped](MissedTick::Skip), and the first error of a tick fails the player,
/// all unless set otherwise. A period below a millisecond is one of a millisecond.
pub fn every<P: Player>(period: Duration, tick: P) -> Every<P> {
    Every {
        tick: Arc::new(tick),
        period: period.max(FINEST),
        first_after: Duration::ZERO,
        missed: MissedTick::default(),
        ticking: Ticking::default(),
    }
}

/// The player made by [`every`].
///
/// # Guarantees
///
/// - Ticks are due at fixed times, counted from the first one: neither the length of ticks, nor their jitter, nor late timers shift
///   those that follow. Only [`MissedTick::Delay`] does, on purpose.
/// - No tick begins once the run was asked to stop. Those that run are waited for, in a [context](Context) that
///   [goes on through the stop](Context::until_deadline), unless it is [cancelled on a stop](Every::cancel_on_stop).
/// - No error of a tick is lost: it fails the player, or is in the log and counted in the report.
/// - Each tick is a step of the player's [progress](Context::progress), and so a sign of life for its [watchdog](crate::Part::watchdog).
///
/// # Not guaranteed
///
/// A tick that blocks its thread, or does not end, holds up the stop until the part's deadline, when it is aborted and named. Nothing is kept
/// over a restart: the new run begins with its first tick. Time is tokio's, which is monotonic, so it does not follow the wall clock,
/// and may stand still while the machine sleeps; for the calendar there is `cron`.
///
/// # Compared with `tokio::time::interval`
///
/// That one is a stream of instants with the same three choices for missed ones and without drift, and is all that is needed inside
/// a player of one's own. This adds what is written around it: the stop, the ticks that may overlap and are still waited for, jitter, what becomes
/// of errors, and signs of life.
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Every<P> {
    tick: Arc<P>,
    period: Duration,
    first_after: Duration,
    missed: MissedTick,
    ticking: Ticking,
}

impl<P> Every<P> {
    /// Sets when the first tick is due, counted from the start of the run. Default: at once.
    ///
    /// `every(period, ..).first_after(period)` begins with a pause.
    pub fn first_after(mut self, delay: Duration) -> Self {
        self.first_after = delay;
        self
    }

    /// Sets what follows when ticks could not begin in time. Default: [`MissedTick::Skip`].
    pub fn missed(mut self, missed: MissedTick) -> Self {
        self.missed = missed;
        self
    }

    /// Lets up to `most` ticks run at the same time, at least one: those that are due while the one before them has not ended begin
    /// on tasks of their own. Default: 1, no overlap.
    ///
    /// One that is due while `most` run is missed: it begins when the first of them has ended. A tick that panics fails the player in any
    /// case.
    pub fn at_most(mut self, most: usize) -> Self {
        self.ticking.at_once = most.max(1);
        self
    }

    /// Puts off each tick by a random time of up to `most`, so that many processes do not all act at the same instant. No more than the
    /// period. Default: none.
    ///
    /// The times at which ticks are due are not shifted by it.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.ticking.jitter = most.min(self.period);
        self
    }

    /// Makes the jitter the same in every run, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.ticking.seed = Some(seed);
        self
    }

    /// Tells a tick that runs when the player is asked to stop: its context is then [done](Context::done).
    ///
    /// It is told, not dropped: a tick that does not look at its context is waited for all the same. Default: its context is done only
    /// at the stop deadline, so that the tick finishes its work.
    pub fn cancel_on_stop(mut self) -> Self {
        self.ticking.cancel_on_stop = true;
        self
    }

    /// Goes on when a tick returns an error: it is written to the log, and the report counts it. Default: the first error fails the player.
    ///
    /// Panics fail the player in any case.
    pub fn log_errors(mut self) -> Self {
        self.ticking.log_errors = true;
        self
    }
}

impl<P: Player> Player for Every<P> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let period = Period::new(later(Instant::now(), self.first_after), self.period, self.missed);
        self.ticking.play(&cx, &self.tick, period).await
    }
}

impl<P> fmt::Debug for Every<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Every")
            .field("period", &self.period)
            .field("first_after", &self.first_after)
            .field("missed", &self.missed)
            .field("ticking", &self.ticking)
            .finish_non_exhaustive()
    }
}
