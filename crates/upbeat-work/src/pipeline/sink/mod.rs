//! Where items go.

mod bottom;
mod bytes;
mod each;
mod failures;
mod forward;
mod outbox;
mod outward;
mod place;
mod tally;
mod traits;

pub(crate) use bottom::Bottom;
pub use bytes::{Format, Written};
pub use each::{Collect, Each, Fold, ForEach, TryForEach, Whole};
pub use failures::{Keep, SendOn, SendTo};
pub(crate) use forward::Forward;
pub(crate) use outbox::Outbox;
pub use outward::Outward;
pub use place::{Broadcast, Place, Route, Straight};
pub(crate) use tally::Tally;
pub use traits::{Failures, NoMore, Pack, Sink};
