//! Deadlines that nest: an inner stop ends, and has reported, before the outer one gives up on it.

use std::time::Duration;

/// How long an aborted part may take to be gone before it counts as leaked.
pub const SETTLE: Duration = Duration::from_millis(500);

/// How long a stop may take: the time to stop politely, and then the time for what was aborted to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Until what is left is aborted.
    pub stop: Duration,
    /// Until what was aborted and is not gone counts as leaked.
    pub settle: Duration,
}

impl Budget {
    /// The budget of a whole that nobody else waits for.
    pub const fn outermost(own: Duration) -> Self {
        Self { stop: own, settle: SETTLE }
    }

    /// The budget of a whole inside another, which aborts it after `left`: its own, or what is left less a margin, whichever is less.
    ///
    /// The margin (a fifth of what is left, at most 1 s) pays for settling and for the report to travel outwards, so
    /// that what the inner one has to say about its parts arrives before the outer one aborts it.
    pub fn nested(own: Duration, left: Duration) -> Self {
        let margin = (left / 5).min(SETTLE * 2);
        Self { stop: own.min(left.saturating_sub(margin)), settle: margin / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_settles_before_the_outer_aborts() {
        for left in [0, 1, 10, 100, 999, 10_000, 3_600_000].map(Duration::from_millis) {
            for own in [0, 5, 100, 10_000].map(Duration::from_millis) {
                let budget = Budget::nested(own, left);
                assert!(budget.stop <= own);
                assert!(budget.stop + budget.settle < left || left.is_zero(), "{own:?} in {left:?}: {budget:?}");
            }
        }
    }
}
