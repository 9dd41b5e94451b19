//! Players that wait before they play.

use std::{fmt, time::SystemTime};

use tokio::time::{Duration, sleep};
use upbeat_score::Readiness;

use super::wall::Wall;
use crate::{context::Context, error::BoxError, player::Player};

/// A player that plays `player` once `delay` has passed since its start. A stop before that ends it, cleanly.
///
/// What it plays ends it: a player that does one thing makes a [job](crate::Part::job).
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Conductor, Context, Part, time::delayed};
///
/// async fn warm_up(cx: Context) -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// let shop = Conductor::new("shop").part(Part::new("warm-up", delayed(Duration::from_secs(30), warm_up)).job());
/// # drop(shop);
/// ```
pub fn delayed<P: Player>(delay: Duration, player: P) -> Delayed<P> {
    Delayed { delay, player }
}

/// The player made by [`after`].
#[derive(Clone, Debug)]
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct Delayed<P> {
    delay: Duration,
    player: P,
}

impl<P: Player> Player for Delayed<P> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        if cx.unless_stopping(sleep(self.delay)).await.is_none() {
            return Ok(());
        }
        self.player.play(cx).await.map_err(Into::into)
    }

    fn readiness(&self) -> Readiness {
        self.player.readiness()
    }

    fn instance(&self) -> Option<usize> {
        self.player.instance()
    }

    fn restartable(&self) -> bool {
        self.player.restartable()
    }
}

/// A player that plays `player` once the wall clock has reached `time`, at once if it has. A stop before that ends it, cleanly.
///
/// When the clock is set it is noticed within 30 s. For a time that is far away the part's [`ready_timeout`](crate::Part::ready_timeout) matters
/// only if `player` signals when it is ready.
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
pub fn at<P: Player>(time: SystemTime, player: P) -> At<P> {
    At { time, wall: Wall::default(), player }
}

/// The player made by [`at`].
#[must_use = "a player does nothing until it is given to a conductor"]
pub struct At<P> {
    time: SystemTime,
    wall: Wall,
    player: P,
}

impl<P> At<P> {
    /// Asks `now` for the time of day, in place of the system's clock. For tests.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.wall = Wall::new(now);
        self
    }
}

impl<P: Player> Player for At<P> {
    type Error = BoxError;

    async fn play(&self, cx: Context) -> Result<(), BoxError> {
        let wait = async { while self.wall.sleep_towards(self.time).await {} };
        if cx.unless_stopping(wait).await.is_none() {
            return Ok(());
        }
        self.player.play(cx).await.map_err(Into::into)
    }

    fn readiness(&self) -> Readiness {
        self.player.readiness()
    }

    fn instance(&self) -> Option<usize> {
        self.player.instance()
    }

    fn restartable(&self) -> bool {
        self.player.restartable()
    }
}

impl<P> fmt::Debug for At<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("At").field("time", &self.time).finish_non_exhaustive()
    }
}
