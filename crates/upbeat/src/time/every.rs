//! Players that run at a fixed interval.

use std::{fmt, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    period::{MissedTick, Period},
    ticking::{Ticking, ticking_options},
};
use crate::{context::Context, error::BoxError, instant::later, player::Player};

/// The shortest period: the resolution of the runtime's timers.
const MIN_PERIOD: Duration = Duration::from_millis(1);

/// Returns a player that plays `tick` once in every `period`, for as long as it runs.
///
/// A tick is a player too: an async function or closure, or [`with`](crate::with) a state. One call
/// of its `play` is one tick, and `Ok` ends that tick.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Conductor, Context, time::{MissedTick, every}};
///
/// async fn sweep(cx: Context) -> Result<(), BoxError> {
///     // remove expired entries
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
/// By default the first tick begins at once, ticks do not overlap, missed ticks are
/// [skipped](MissedTick::Skip), and the first error of a tick fails the player. A period below a
/// millisecond is one of a millisecond.
pub fn every<P: Player>(period: Duration, tick: P) -> Every<P> {
    Every {
        tick: Arc::new(tick),
        period: period.max(MIN_PERIOD),
        first_after: Duration::ZERO,
        missed: MissedTick::default(),
        ticking: Ticking::default(),
    }
}

/// A player that plays a tick at a fixed interval, made by [`every`].
///
/// # Guarantees
///
/// - Ticks are due at fixed times, counted from the first one. Neither the length of ticks nor
///   their jitter nor late timers shift the following ticks. Only [`MissedTick::Delay`] does.
/// - No tick begins once the run is asked to stop. The stop waits for running ticks. Their context
///   is [not done before the deadline](Context::until_deadline), unless they are [cancelled on a
///   stop](Every::cancel_on_stop).
/// - No error of a tick is lost: it fails the player, or it is logged and counted in the report.
/// - Each tick is a step of the [progress](Context::progress) of the player, and therefore a
///   heartbeat for its [watchdog](crate::Part::watchdog).
///
/// # Not guaranteed
///
/// A tick that blocks its thread or does not end delays the stop until the deadline of the part,
/// when it is aborted and reported. Nothing is kept across a restart: a new run begins with its
/// first tick. Time is that of tokio, which is monotonic. It does not follow the wall clock, and
/// may stand still while the machine is suspended. For times of the calendar there is `cron`.
///
/// # Compared with `tokio::time::interval`
///
/// That is a stream of instants without drift and with the same three policies for missed ones. It
/// is enough inside one player. This adds the stop, overlapping ticks that the stop waits for,
/// jitter, the handling of errors, and heartbeats.
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Every<P> {
    tick: Arc<P>,
    period: Duration,
    first_after: Duration,
    missed: MissedTick,
    ticking: Ticking,
}

impl<P> Every<P> {
    /// Sets the delay of the first tick, counted from the start of the run. Default: zero.
    ///
    /// `every(period, ..).first_after(period)` begins with a pause.
    pub fn first_after(mut self, delay: Duration) -> Self {
        self.first_after = delay;
        self
    }

    /// Sets the policy for ticks that cannot begin in time. Default: [`MissedTick::Skip`].
    pub fn missed(mut self, missed: MissedTick) -> Self {
        self.missed = missed;
        self
    }

    /// Sets how many ticks may run at the same time, at least one. Default: 1, no overlap.
    ///
    /// With more than one, each tick runs as a task. A tick that is due while `max` run is missed:
    /// it begins when the first of them has ended. A tick that panics fails the player in either
    /// case.
    pub fn max_running(mut self, max: usize) -> Self {
        self.ticking.max_running = max.max(1);
        self
    }

    /// Sets the longest random delay of a tick, so that many processes do not act at the same
    /// instant. Default: none.
    ///
    /// It is limited to the period. It does not shift the times at which ticks are due.
    pub fn jitter(mut self, max: Duration) -> Self {
        self.ticking.jitter = max.min(self.period);
        self
    }

    /// Makes the jitter the same in every run, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.ticking.seed = Some(seed);
        self
    }

    ticking_options!();
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
