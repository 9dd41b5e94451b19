//! Several tasks as one: groups under a common context, and background work that a stop waits for.
//!
//! | | [`Group`] | [`Tracker`] |
//! |---|---|---|
//! | lives | within one function | as a part of a conductor |
//! | results | are returned in the order of spawning | are dropped, and errors are kept |
//! | the first failure | cancels the other tasks | changes nothing for the others |
//! | the end | [`wait`](Group::wait) | the stop of the part |

mod group;
mod group_error;
mod tracker;

pub use group::Group;
pub use group_error::GroupError;
pub use tracker::{Tracked, TrackedFailed, TrackedOutput, Tracker, TrackerClosed};
