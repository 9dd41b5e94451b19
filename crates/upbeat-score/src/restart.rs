//! When a part is started again, after how long, and when to give up.

use std::{collections::VecDeque, time::Duration};

use crate::Moment;

/// The least time between the end of a run and the start of the next: not even a player that returns at once can be restarted in a hot loop.
pub const MIN_RESTART_DELAY: Duration = Duration::from_millis(10);

/// How long to wait before the next restart: growing, capped, and with jitter, so that many do not come back at the same time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    grows: bool,
    jitter: f32,
}

impl Backoff {
    /// Waits `first`, then twice as long each time, never more than `max`. Jitter is 0.2.
    pub const fn exponential(first: Duration, max: Duration) -> Self {
        Self { first, max, grows: true, jitter: 0.2 }
    }

    /// Waits `delay` each time. Jitter is 0.2.
    pub const fn constant(delay: Duration) -> Self {
        Self { first: delay, max: delay, grows: false, jitter: 0.2 }
    }

    /// Sets by which part of itself, at most, a delay is shortened at random: from 0.0 (never) to 1.0. What lies outside is brought inside.
    #[must_use]
    pub const fn jitter(self, part: f32) -> Self {
        let jitter = if part > 0.0 { part.min(1.0) } else { 0.0 };
        Self { jitter, ..self }
    }

    /// The delay before restart `n` (0 is the first), with `random` from `0.0..1.0`.
    fn delay(&self, n: u32, random: f32) -> Duration {
        let factor = if self.grows { 1u32.checked_shl(n).unwrap_or(u32::MAX) } else { 1 };
        let full = self.first.saturating_mul(factor).min(self.max);
        // Rounding may carry the product past the largest duration, where plain multiplication panics.
        let shorter = Duration::try_from_secs_f32(full.as_secs_f32() * self.jitter * random).unwrap_or(full);
        full.saturating_sub(shorter).max(MIN_RESTART_DELAY)
    }
}

/// Which ends of a run are answered by a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartWhen {
    /// None.
    Never,
    /// Failures: errors, panics, a start that took too long, and the end of a service that nobody asked for.
    OnFailure,
    /// Failures, and the successful end of a job too.
    Always,
}

/// When a part is started again, after how long, and how often before its failure is final.
///
/// A stop that was asked for is never answered by a restart. A run begins only when the one before is gone entirely.
///
/// ```
/// use std::time::Duration;
/// use upbeat_score::{Backoff, Restart};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30));
/// let restart = Restart::on_failure(backoff).at_most(5).within(Duration::from_secs(60));
/// # drop(restart);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restart {
    /// `None`: never. Behind a pointer, because most parts have none.
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

    /// What holds for a part without a policy that asks to be restarted itself.
    pub(crate) fn when_it_asks() -> Self {
        let window = Some(Duration::from_mins(1));
        Self { max: Some(5), window, ..Self::new(RestartWhen::Never, Restart::DEFAULT_BACKOFF) }
    }
}

impl Restart {
    /// From 1 s to 30 s.
    pub const DEFAULT_BACKOFF: Backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(30));

    /// Never: the first failure is final. What is set on it has no effect.
    pub const fn never() -> Self {
        Self { policy: None }
    }

    /// After failures; without a limit unless [`at_most`](Restart::at_most) sets one.
    pub fn on_failure(backoff: Backoff) -> Self {
        Self { policy: Some(Box::new(Policy::new(RestartWhen::OnFailure, backoff))) }
    }

    /// After every end that was not asked for; without a limit unless [`at_most`](Restart::at_most) sets one.
    pub fn always(backoff: Backoff) -> Self {
        Self { policy: Some(Box::new(Policy::new(RestartWhen::Always, backoff))) }
    }

    /// Allows `restarts` of them: a part that always fails runs 1 + `restarts` times, then its failure is final.
    #[must_use]
    pub fn at_most(self, restarts: u32) -> Self {
        self.set(|policy| policy.max = Some(restarts))
    }

    /// Counts only the restarts of the last `window` towards [`at_most`](Restart::at_most). Time spent running costs nothing.
    #[must_use]
    pub fn within(self, window: Duration) -> Self {
        self.set(|policy| policy.window = Some(window))
    }

    /// Forgets all earlier restarts, for the backoff and for the limit, after a run that was ready for this long. Default 30 s.
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

    /// Which ends are answered by a restart.
    pub fn when(&self) -> RestartWhen {
        self.policy.as_ref().map_or(RestartWhen::Never, |policy| policy.when)
    }

    /// The most restarts, if there is a limit.
    pub fn limit(&self) -> Option<u32> {
        self.policy.as_ref()?.max
    }

    pub(crate) fn restarter(&self) -> Option<Box<Restarter>> {
        self.policy.as_ref().map(|policy| Box::new(Restarter::new(Policy::clone(policy))))
    }
}

/// A policy and what has happened under it.
#[derive(Clone, Debug)]
pub(crate) struct Restarter {
    policy: Policy,
    /// When the counted restarts were decided. Empty where there is no limit.
    recent: VecDeque<Moment>,
    /// How many restarts there were since the last healthy run.
    streak: u32,
    /// When the current run became ready.
    pub(crate) ready_at: Option<Moment>,
    /// When the next run may start, where that was decided before the current one is gone.
    pub(crate) not_before: Option<Moment>,
}

impl Restarter {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, recent: VecDeque::new(), streak: 0, ready_at: None, not_before: None }
    }

    pub(crate) fn when(&self) -> RestartWhen {
        self.policy.when
    }

    /// Decides about one more restart: after how long, or `None` when the limit is reached.
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

    /// The delays of restarts at these seconds, each after a run that was ready for so many seconds.
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
    fn jitter_only_shortens_and_by_no_more_than_its_part() {
        let backoff = Backoff::constant(S).jitter(0.5);
        for random in [0.0, 0.3, 0.999] {
            let delay = backoff.delay(3, random);
            assert!(delay <= S && delay >= S / 2, "{delay:?}");
        }
        assert!(backoff.delay(0, 0.9) < backoff.delay(0, 0.1));
    }

    #[test]
    fn limit_counts_within_the_window_only() {
        let policy = Restart::on_failure(Backoff::constant(S)).at_most(2).within(S * 60);
        let seen = delays(&policy, &[(0, None), (30, None), (59, None), (60, None), (61, None), (90, None)]);
        assert_eq!(seen.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true, false, true]);
    }

    #[test]
    fn limit_without_a_window_is_for_good_until_a_healthy_run() {
        let policy = Restart::on_failure(Backoff::constant(S)).at_most(1);
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
