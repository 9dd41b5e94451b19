//! Times that are put off at random.

use tokio::time::{Duration, Instant, sleep_until};

use super::schedule::{Schedule, later};

/// The times of a schedule, each put off by a random time of its own. The schedule itself is not shifted.
pub(super) struct Jittered<S> {
    schedule: S,
    most: Duration,
    random: fastrand::Rng,
    /// A time that has come, and until when it is put off.
    put_off: Option<(Instant, Instant)>,
}

impl<S: Schedule> Jittered<S> {
    pub(super) fn new(schedule: S, most: Duration, seed: Option<u64>) -> Self {
        let random = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { schedule, most, random, put_off: None }
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_nanos_u128(self.random.u128(..=self.most.as_nanos()))
    }
}

impl<S: Schedule> Schedule for Jittered<S> {
    async fn next(&mut self) -> Instant {
        if self.most.is_zero() {
            return self.schedule.next().await;
        }
        let (due, begin) = if let Some(put_off) = self.put_off {
            put_off
        } else {
            let due = self.schedule.next().await;
            let begin = later(due, self.jitter());
            *self.put_off.insert((due, begin))
        };
        sleep_until(begin).await;
        self.put_off = None;
        due
    }
}
