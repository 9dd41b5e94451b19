//! Sinks of items, and of failures.

mod bytes;
mod connection;
mod deliver;
mod failures;
mod items;
mod outbox;
mod runs;
mod section;
mod stage;
mod state;
mod traits;

pub use bytes::{Format, Written};
pub use connection::ConnectionSink;
pub use deliver::{Broadcast, Route, SingleTarget};
pub use failures::{CallWithFailures, KeepFailures, SendFailures};
pub use items::{Collect, Fold, ForEach, Identity, ItemSink, TryForEach};
pub(crate) use outbox::Outbox;
pub(crate) use section::SectionSink;
pub(crate) use stage::SinkStage;
pub(crate) use traits::{FailureSink, Pack, Sink, SinkClosed};
