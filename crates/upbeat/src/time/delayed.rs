//! Players that wait before they play.

use std::{fmt, future::Future, time::SystemTime};

use tokio::time::{Duration, sleep};
use upbeat_score::Readiness;

use super::wall::WallClock;
use crate::{
    context::Context,
    error::BoxError,
    player::{Player, PlayerId, SharedPlayers},
};

/// Returns a player that plays `player` once `delay` has passed since its start.
///
/// A stop during the delay ends it cleanly. It ends when `player` ends: a player that does one
/// thing makes a [job](crate::Part::job).
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Conductor, Context, Part, time::delayed};
///
/// async fn warm_up(cx: Context) -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// let warm_up = Part::new("warm-up", delayed(Duration::from_secs(30), warm_up)).job();
/// let shop = Conductor::new("shop").part(warm_up);
/// # drop(shop);
/// ```
pub fn delayed<P: Player>(delay: Duration, player: P) -> Delayed<P> {
    Delayed { start: delay, player }
}

/// Returns a player that plays `player` once the wall clock has reached `time`, at once if it has.
///
/// A stop before that ends it cleanly. If the clock is set, that takes effect within 30 s. The
/// [`ready_timeout`](crate::Part::ready_timeout) of the part counts from its start, so it matters
/// only if `player` signals that it is ready.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use upbeat::{BoxError, Conductor, Context, Part, time::at};
///
/// async fn open_the_sale(cx: Context) -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_798_761_600);
/// let shop = Conductor::new("shop").part(Part::new("sale", at(midnight, open_the_sale)).job());
/// # drop(shop);
/// ```
pub fn at<P: Player>(time: SystemTime, player: P) -> Delayed<P, At> {
    Delayed { start: At { time, wall: WallClock::default() }, player }
}

/// A player that waits before it plays, made by [`delayed`] and [`at`].
///
/// `T` is the start: a [`Duration`] after the start of the run, or [`At`] a time of the wall clock.
#[derive(Clone)]
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Delayed<P, T = Duration> {
    start: T,
    player: P,
}

/// A time of the wall clock, as the start of a [`Delayed`] player.
#[derive(Clone, Debug)]
pub struct At {
    time: SystemTime,
    wall: WallClock,
}

impl<P> Delayed<P, At> {
    /// Reads the time of day from `now` instead of the system's clock, for tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.start.wall = WallClock::new(now);
        self
    }
}

/// The start of a [`Delayed`] player.
trait Start: Send + Sync + 'static {
    /// Waits until the start has come.
    fn reached(&self) -> impl Future<Output = ()> + Send;
}

impl Start for Duration {
    fn reached(&self) -> impl Future<Output = ()> + Send {
        sleep(*self)
    }
}

impl Start for At {
    async fn reached(&self) {
        while self.wall.sleep_towards(self.time).await {}
    }
}

impl<P: Player, T: Start> Player for Delayed<P, T> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        if cx.unless_stopping(self.start.reached()).await.is_none() {
            return Ok(());
        }
        self.player.play(cx).await.map_err(Into::into)
    }

    fn readiness(&self) -> Readiness {
        self.player.readiness()
    }

    fn identity(&self) -> Option<PlayerId> {
        self.player.identity()
    }

    fn list_shared(&self, players: &mut SharedPlayers) {
        self.player.list_shared(players);
    }

    fn is_restartable(&self) -> bool {
        self.player.is_restartable()
    }
}

impl<P, T: fmt::Debug> fmt::Debug for Delayed<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delayed").field("start", &self.start).finish_non_exhaustive()
    }
}
