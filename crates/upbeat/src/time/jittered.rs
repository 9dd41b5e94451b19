//! A schedule with random delays.

use tokio::time::{Duration, Instant, sleep_until};

use super::schedule::Schedule;
use crate::{error::BoxError, instant::later};

/// The times of a schedule, each delayed at random. The schedule itself is not shifted.
pub(super) struct Jittered<S> {
    schedule: S,
    max: Duration,
    random: fastrand::Rng,
    /// A time that has come, and the time until which it is delayed.
    pending: Option<(Instant, Instant)>,
}

impl<S: Schedule> Jittered<S> {
    pub(super) fn new(schedule: S, max: Duration, seed: Option<u64>) -> Self {
        let random = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { schedule, max, random, pending: None }
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_nanos_u128(self.random.u128(..=self.max.as_nanos()))
    }
}

impl<S: Schedule> Schedule for Jittered<S> {
    async fn next(&mut self) -> Result<Instant, BoxError> {
        if self.max.is_zero() {
            return self.schedule.next().await;
        }
        let (due, begin) = if let Some(pending) = self.pending {
            pending
        } else {
            let due = self.schedule.next().await?;
            let begin = later(due, self.jitter());
            *self.pending.insert((due, begin))
        };
        sleep_until(begin).await;
        self.pending = None;
        Ok(due)
    }
}
