//! How long a drain may take.

use std::time::Duration;

use tokio::time::Instant;

/// How long connections that were cut may take to be gone: their tasks have only to be polled once. Whoever is not gone after that
/// blocks a thread, and was named.
pub(crate) const AFTERMATH: Duration = Duration::from_millis(50);

/// When a drain that begins now must cut, so that its account still reaches a conductor that aborts at `aborted`.
pub(crate) fn drain_deadline(now: Instant, drain: Duration, aborted: Option<Instant>) -> Instant {
    let own = now.checked_add(drain);
    let theirs = aborted.map(|aborted| {
        let left = aborted.saturating_duration_since(now);
        now + left.saturating_sub(margin(left))
    });
    match (own, theirs) {
        (Some(own), Some(theirs)) => own.min(theirs),
        (Some(bound), None) | (None, Some(bound)) => bound,
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
    async fn the_drain_keeps_a_margin_to_the_conductors_deadline() {
        let now = Instant::now();
        let after = |drain, aborted: Option<u64>| {
            let aborted = aborted.map(|ms| now + Duration::from_millis(ms));
            drain_deadline(now, drain, aborted).duration_since(now)
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
