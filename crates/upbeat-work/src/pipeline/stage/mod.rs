//! What happens to an item between source and sink.
//!
//! Stages are fused by pushing: an item is given to the first stage, which gives what it makes of it to the next, and so on down to the batch's tray. All of it is
//! one loop after inlining, with nothing allocated and nothing sent in between.

mod adapters;
mod cursor;
mod failures_as_items;
mod first;
mod forward;
mod name;
mod staged;
mod traits;

pub use adapters::{Filter, FlatMap, Inspect, Label, Map, TryMap};
pub use cursor::Cursor;
pub use failures_as_items::FailuresAsItems;
pub use first::{FirstBlockStage, FirstLineStage, FirstStage};
pub use forward::FirstForwardStage;
pub(crate) use forward::Forward;
pub(crate) use name::{SharedName, default_name};
pub use staged::Staged;
pub use traits::{Downstream, Flow, Stage, StageChain};
