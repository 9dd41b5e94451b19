//! Parts that a strategy restarts together although one of them can be played only once.

use std::collections::HashSet;

use super::{
    graph::Edge,
    part::{Condition, Strategy},
};

/// The parts of a score, or of a machine, as this check needs them.
pub(crate) trait Parts {
    /// Returns all parts.
    fn all(&self) -> impl Iterator<Item = u32>;

    /// Returns the dependencies of a part.
    fn after(&self, part: u32) -> &[Edge];

    /// Returns whether a failure of the part may be followed by a restart.
    fn declares_restarts(&self, part: u32) -> bool;
}

/// Returns a part whose restart restarts `part` with it, if there is one.
///
/// A part that is over before the other begins is not restarted with it: that other waits for its
/// end, or it waits for the end of that other.
pub(crate) fn restarted_with(strategy: Strategy, part: u32, parts: &impl Parts) -> Option<u32> {
    match strategy {
        Strategy::OneForOne => None,
        Strategy::OneForAll => parts.all().find(|&other| is_restarted_with(strategy, part, other, parts)),
        Strategy::RestForOne => {
            let dependency = |&other: &u32| is_restarted_with(strategy, part, other, parts);
            dependencies(part, parts).into_iter().find(dependency)
        }
    }
}

/// Returns whether a restart of `other` restarts `part` with it.
pub(crate) fn is_restarted_with(strategy: Strategy, part: u32, other: u32, parts: &impl Parts) -> bool {
    if part == other || !parts.declares_restarts(other) || waits_for_end(part, other, parts) {
        return false;
    }
    match strategy {
        Strategy::OneForOne => false,
        Strategy::OneForAll => !waits_for_end(other, part, parts),
        Strategy::RestForOne => dependencies(part, parts).contains(&other),
    }
}

/// Returns whether `part` begins only after `other` has finished.
fn waits_for_end(part: u32, other: u32, parts: &impl Parts) -> bool {
    let finished = |part: u32| parts.after(part).contains(&(other, Condition::Finished));
    finished(part) || dependencies(part, parts).into_iter().any(finished)
}

/// Returns all parts that `part` depends on, directly or not.
fn dependencies(part: u32, parts: &impl Parts) -> Vec<u32> {
    let (mut seen, mut open, mut all) = (HashSet::from([part]), vec![part], Vec::new());
    while let Some(part) = open.pop() {
        for &(to, _) in parts.after(part) {
            if seen.insert(to) {
                open.push(to);
                all.push(to);
            }
        }
    }
    all
}
