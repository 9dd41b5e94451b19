//! Restart policies: which ends are followed by a restart, after which delay, and how often.

use std::{collections::VecDeque, time::Duration};

use crate::moment::Moment;

/// The least delay of a restart. It keeps a player that returns at once from being restarted in a
/// hot loop.
pub const MIN_RESTART_DELAY: Duration = Duration::from_millis(10);

/// The delays between restarts: growing, capped, and with jitter.
///
/// Jitter keeps many parts from restarting at the same time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    grows: bool,
    jitter: f32,
}

impl Backoff {
    /// Creates a backoff of `first`, doubled each time, and never more than `max`. Jitter is 0.2.
    ///
    /// No delay is below [`MIN_RESTART_DELAY`]. A `first` above `max` is a
    /// [fault](crate::Fault::BackoffAboveCap) of the score.
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self { first, max, grows: true, jitter: 0.2 }
    }

    /// Creates a backoff of `delay` each time, at least [`MIN_RESTART_DELAY`]. Jitter is 0.2.
    pub const fn constant(delay: Duration) -> Self {
        Self { first: delay, max: delay, grows: false, jitter: 0.2 }
    }

    /// Sets the largest fraction by which a delay is shortened at random, from 0.0 (never) to 1.0.
    /// Values outside this range are clamped.
    #[must_use]
    pub const fn jitter(self, fraction: f32) -> Self {
        // Not `clamp`, which keeps NaN.
        let jitter = if fraction > 0.0 { fraction.min(1.0) } else { 0.0 };
        Self { jitter, ..self }
    }

    /// Returns the first delay and the cap, if they contradict each other.
    pub(crate) fn above_cap(&self) -> Option<(Duration, Duration)> {
        (self.first > self.max).then_some((self.first, self.max))
    }

    /// Returns the delay before restart `n` (0 is the first), with `random` from `0.0..1.0`.
    fn delay(&self, n: u32, random: f32) -> Duration {
        let factor = if self.grows { 1u32.checked_shl(n).unwrap_or(u32::MAX) } else { 1 };
        let full = self.first.saturating_mul(factor).min(self.max);
        // Rounding may carry the product past the largest duration, for which a multiplication
        // panics.
        let shorter = Duration::try_from_secs_f32(full.as_secs_f32() * self.jitter * random).unwrap_or(full);
        full.saturating_sub(shorter).max(MIN_RESTART_DELAY)
    }
}

/// The ends of a run that are followed by a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestartWhen {
    /// No end.
    Never,
    /// Failures: errors, panics, a start that timed out, and the early end of a service.
    OnFailure,
    /// Failures, and the successful end of a job.
    Always,
}

/// A restart policy: the ends that are followed by a restart, the delays, and the limit after which
/// a failure is final.
///
/// A requested stop is never followed by a restart. A run begins only when nothing is left of the
/// run before it.
///
/// ```
/// use std::time::Duration;
/// use upbeat_score::{Backoff, Restart};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));
/// let restart = Restart::on_failure(backoff).max_restarts(5).within(Duration::from_secs(60));
/// # drop(restart);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restart {
    /// `None` is never. Behind a pointer, because most parts have no policy.
    policy: Option<Box<Policy>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    when: RestartWhen,
    backoff: Backoff,
    max: Option<u32>,
    window: Option<Duration>,
    reset_after: Duration,
}

impl Policy {
    fn new(when: RestartWhen, backoff: Backoff) -> Self {
        Self { when, backoff, max: None, window: None, reset_after: Duration::from_secs(30) }
    }

    /// Returns the policy of a restart that the player requested, for a part without a policy.
    pub(crate) fn on_request() -> Self {
        let window = Some(Duration::from_mins(1));
        Self { max: Some(5), window, ..Self::new(RestartWhen::Never, Restart::DEFAULT_BACKOFF) }
    }
}

impl Restart {
    /// The default backoff: from 1 s to 30 s.
    pub const DEFAULT_BACKOFF: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30));

    /// Returns the policy without restarts: the first failure is final. Further settings have no
    /// effect.
    pub const fn never() -> Self {
        Self { policy: None }
    }

    /// Returns a policy that restarts after failures. There is no limit unless
    /// [`max_restarts`](Restart::max_restarts) sets one.
    pub fn on_failure(backoff: Backoff) -> Self {
        Self { policy: Some(Box::new(Policy::new(RestartWhen::OnFailure, backoff))) }
    }

    /// Returns a policy that restarts after every end that was not requested. There is no limit
    /// unless [`max_restarts`](Restart::max_restarts) sets one.
    pub fn always(backoff: Backoff) -> Self {
        Self { policy: Some(Box::new(Policy::new(RestartWhen::Always, backoff))) }
    }

    /// Allows this many restarts. A part that always fails runs 1 + `restarts` times, then its
    /// failure is final. With zero, the first failure is.
    #[must_use]
    pub fn max_restarts(self, restarts: u32) -> Self {
        self.set(|policy| policy.max = Some(restarts))
    }

    /// Counts only the restarts of the last `window` towards
    /// [`max_restarts`](Restart::max_restarts), without which it has no effect. The time in which a
    /// run is healthy never uses up the limit.
    ///
    /// A window of zero is a [fault](crate::Fault::ZeroRestartWindow) of the score. If the delays
    /// of so many restarts together are longer than the window, the limit is never reached.
    #[must_use]
    pub fn within(self, window: Duration) -> Self {
        self.set(|policy| policy.window = Some(window))
    }

    /// Resets the backoff and the limit after a run that was ready for `healthy`. Default 30 s.
    ///
    /// With zero, each run that was ready resets them, so that the limit counts only failed starts.
    /// With [`Duration::MAX`] none does.
    #[must_use]
    pub fn reset_after(self, healthy: Duration) -> Self {
        self.set(|policy| policy.reset_after = healthy)
    }

    fn set(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        if let Some(policy) = &mut self.policy {
            change(policy);
        }
        self
    }

    /// Returns the ends that are followed by a restart.
    pub fn when(&self) -> RestartWhen {
        self.policy.as_ref().map_or(RestartWhen::Never, |policy| policy.when)
    }

    /// Returns the largest number of restarts, if there is a limit.
    pub fn max(&self) -> Option<u32> {
        self.policy.as_ref()?.max
    }

    /// Returns whether a limit has a window in which nothing can be counted.
    pub(crate) fn has_zero_window(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.window == Some(Duration::ZERO))
    }

    /// Returns the first delay and the cap of the backoff, if they contradict each other.
    pub(crate) fn above_cap(&self) -> Option<(Duration, Duration)> {
        self.policy.as_ref()?.backoff.above_cap()
    }

    pub(crate) fn restarter(&self) -> Option<Box<Restarter>> {
        self.policy.as_ref().map(|policy| Box::new(Restarter::new(Policy::clone(policy))))
    }
}

/// A policy and the restarts that it has decided.
#[derive(Clone, Debug)]
pub(crate) struct Restarter {
    policy: Policy,
    /// The times at which the counted restarts were decided. Empty without a limit.
    recent: VecDeque<Moment>,
    /// The number of restarts since the last healthy run.
    streak: u32,
    /// The time at which the current run became ready.
    pub(crate) ready_at: Option<Moment>,
    /// The earliest start of the next run, if it was decided before the current run is gone.
    pub(crate) not_before: Option<Moment>,
}

impl Restarter {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, recent: VecDeque::new(), streak: 0, ready_at: None, not_before: None }
    }

    pub(crate) fn when(&self) -> RestartWhen {
        self.policy.when
    }

    /// Returns the delay of one more restart, or `None` if the limit is reached.
    pub(crate) fn next(&mut self, now: Moment, rng: &mut fastrand::Rng) -> Option<Duration> {
        if self.ready_at.is_some_and(|at| now.saturating_sub(at) >= self.policy.reset_after) {
            self.recent.clear();
            self.streak = 0;
        }
        if let Some(max) = self.policy.max {
            if let Some(window) = self.policy.window {
                while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= window) {
                    self.recent.pop_front();
                }
            }
            if self.recent.len() >= max as usize {
                return None;
            }
            self.recent.push_back(now);
        }
        let delay = self.policy.backoff.delay(self.streak, rng.f32());
        self.streak = self.streak.saturating_add(1);
        Some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// Returns the delays of restarts at these seconds. Each follows a run that was ready for the
    /// given number of seconds.
    fn delays(policy: &Restart, times: &[(u32, Option<u32>)]) -> Vec<Option<Duration>> {
        let (mut restarter, mut rng) = (policy.restarter().unwrap(), fastrand::Rng::with_seed(7));
        let mut next = |at: u32, healthy: Option<u32>| {
            restarter.ready_at = healthy.map(|healthy| S * (at - healthy));
            restarter.next(S * at, &mut rng)
        };
        times.iter().map(|&(at, healthy)| next(at, healthy)).collect()
    }

    #[test]
    fn doubles_up_to_the_cap_and_is_reset_by_a_healthy_run() {
        let policy = Restart::on_failure(Backoff::exponential(S, S * 5).jitter(0.0)).reset_after(S * 10);
        let seen = delays(&policy, &[(0, None), (11, Some(9)), (12, None), (13, None), (24, Some(10)), (25, None)]);
        assert_eq!(seen, [1, 2, 4, 5, 1, 2].map(|s| Some(S * s)));
    }

    #[test]
    fn jitter_only_shortens_and_by_no_more_than_its_fraction() {
        let backoff = Backoff::constant(S).jitter(0.5);
        for random in [0.0, 0.3, 0.999] {
            let delay = backoff.delay(3, random);
            assert!(delay <= S && delay >= S / 2, "{delay:?}");
        }
        assert!(backoff.delay(0, 0.9) < backoff.delay(0, 0.1));
    }

    #[test]
    fn the_limit_counts_only_within_the_window() {
        let policy = Restart::on_failure(Backoff::constant(S)).max_restarts(2).within(S * 60);
        let seen = delays(&policy, &[(0, None), (30, None), (59, None), (60, None), (61, None), (90, None)]);
        assert_eq!(seen.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true, false, true]);
    }

    #[test]
    fn a_limit_without_a_window_holds_until_a_healthy_run() {
        let policy = Restart::on_failure(Backoff::constant(S)).max_restarts(1);
        let seen = delays(&policy, &[(0, None), (9_999_999, Some(29)), (9_999_999, Some(30))]);
        assert_eq!(seen.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn never_restarts_in_a_hot_loop_and_never_overflows() {
        assert_eq!(Backoff::constant(Duration::ZERO).delay(0, 0.5), MIN_RESTART_DELAY);
        assert_eq!(Backoff::exponential(S, S * 30).jitter(0.0).delay(u32::MAX, 0.0), S * 30);
        assert_eq!(Backoff::exponential(S, Duration::MAX).jitter(0.0).delay(40, 0.0), S * u32::MAX);
    }
}
