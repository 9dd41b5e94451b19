//! The deadline of a drain.

use std::time::Duration;

use tokio::time::Instant;
use upbeat::{Context, time::far_future};

/// The time in which connections that were cut are dropped.
///
/// Their tasks need one poll. A connection that exceeds it blocks a thread, and was reported.
pub(crate) const CLEANUP_TIMEOUT: Duration = Duration::from_millis(50);

/// Returns the deadline of a drain that has begun at `started`.
///
/// It is the server's own, or the [conductor's](Context::drain_deadline) if that comes first.
pub(crate) fn drain_deadline(cx: &Context, started: Instant, drain_timeout: Duration) -> Instant {
    let own = started.checked_add(drain_timeout).unwrap_or_else(far_future);
    cx.drain_deadline().map_or(own, |theirs| own.min(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_drain_ends_before_the_conductors_deadline() {
        let ms = Duration::from_millis;
        let now = Instant::now();
        let after = |drain_timeout, left: Option<Duration>| {
            let cx = Context::background();
            let cx = left.map_or(cx.clone(), |left| cx.with_timeout(left));
            drain_deadline(&cx, now, drain_timeout).duration_since(now)
        };
        assert_eq!(after(ms(500), None), ms(500));
        assert_eq!(after(ms(500), Some(ms(10_000))), ms(500));
        assert_eq!(after(ms(10_000), Some(ms(10_000))), ms(9_900));
        assert_eq!(after(ms(10_000), Some(ms(100))), ms(90));
        assert_eq!(after(ms(10_000), Some(ms(0))), ms(0));
        assert_eq!(after(Duration::MAX, Some(ms(10_000))), ms(9_900));
        assert!(after(Duration::MAX, None) > ms(1_000_000));
    }
}
