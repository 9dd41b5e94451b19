//! Several tasks as one: groups under a context, and background work that a stop waits for.
//!
//! | | [`Group`] | [`Tracker`] |
//! |---|---|---|
//! | lives | within one function | as a part of a conductor |
//! | results | are returned in the order of spawning | are dropped, and errors are kept |
//! | the first failure | cancels the other tasks | does not affect the others |
//! | ends | with [`wait`](Group::wait) | when the part is asked to stop |

mod group;
mod group_error;
mod tracked;
mod tracker;

pub use group::{Group, GroupPermit};
pub use group_error::GroupError;
pub use tracked::{Tracked, TrackedFailed, TrackedOutput, TrackerClosed};
pub use tracker::{Tracker, TrackerBuilder, TrackerPermit};
