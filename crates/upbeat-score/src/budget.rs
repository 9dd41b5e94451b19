//! Stop budgets that nest: an inner stop ends, and has reported, before the outer one aborts it.

use std::time::Duration;

/// The time in which an aborted run has to be gone before it counts as leaked.
pub const SETTLE: Duration = Duration::from_millis(500);

/// The time that a stop may take: first to stop gracefully, then for aborted runs to be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// The time until remaining runs are aborted.
    pub stop: Duration,
    /// The time after the abort until remaining runs count as leaked.
    pub settle: Duration,
}

impl Budget {
    /// Returns the budget of an outermost conductor: all of `own`, then [`SETTLE`].
    pub const fn outermost(own: Duration) -> Self {
        Self { stop: own, settle: SETTLE }
    }

    /// Returns the budget of a nested conductor that the outer one aborts after `left`.
    ///
    /// It is the lesser of `own` and of `left` less a margin. The margin is a fifth of `left`, at
    /// most 1 s. It pays for settling and for the way of the report, so that the inner report
    /// arrives before the outer conductor aborts the inner one.
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
