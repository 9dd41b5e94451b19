//! The deadline of a drain.

use std::time::Duration;

use tokio::time::Instant;

/// The time in which connections that were cut are dropped.
///
/// Their tasks need one poll. A connection that exceeds it blocks a thread, and was reported.
pub(crate) const CLEANUP_TIMEOUT: Duration = Duration::from_millis(50);

/// Returns the deadline of a drain that begins now.
///
/// It lies before `aborted`, the time at which the conductor aborts the player, by a margin in
/// which the report still reaches the conductor.
pub(crate) fn drain_deadline(now: Instant, drain_timeout: Duration, aborted: Option<Instant>) -> Instant {
    let own = now.checked_add(drain_timeout);
    let theirs = aborted.map(|aborted| {
        let left = aborted.saturating_duration_since(now);
        now + left.saturating_sub(margin(left))
    });
    match (own, theirs) {
        (Some(own), Some(theirs)) => own.min(theirs),
        (Some(deadline), None) | (None, Some(deadline)) => deadline,
        (None, None) => now + Duration::from_hours(365 * 24),
    }
}

fn margin(left: Duration) -> Duration {
    (left / 10).min(Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_drain_ends_before_the_conductors_deadline() {
        let now = Instant::now();
        let after = |drain_timeout, aborted: Option<u64>| {
            let aborted = aborted.map(|ms| now + Duration::from_millis(ms));
            drain_deadline(now, drain_timeout, aborted).duration_since(now)
        };
        let ms = Duration::from_millis;
        assert_eq!(after(ms(500), None), ms(500));
        assert_eq!(after(ms(500), Some(10_000)), ms(500));
        assert_eq!(after(ms(10_000), Some(10_000)), ms(9_900));
        assert_eq!(after(ms(10_000), Some(100)), ms(90));
        assert_eq!(after(ms(10_000), Some(0)), ms(0));
        assert_eq!(after(Duration::MAX, Some(10_000)), ms(9_900));
        assert!(after(Duration::MAX, None) > ms(1_000_000));
    }
}
