//! Stages: the work on an item between source and sink.
//!
//! Stages are fused by pushing: an item is passed to the first stage, which passes its results to
//! the next stage, and so on down to the outputs of the batch. After inlining all of it is one
//! loop, with nothing allocated and nothing sent in between.

mod adapters;
mod cursor;
mod failures_as_items;
mod first;
mod flow;
mod forward;
mod name;
mod staged;
mod traits;

pub use adapters::{Filter, FlatMap, Inspect, Label, Map, TryMap};
pub(crate) use cursor::Cursor;
pub use failures_as_items::FailuresAsItems;
pub use first::{FirstBlockStage, FirstLineStage, FirstStage};
pub(crate) use flow::{Downstream, Flow};
pub use forward::FirstForwardStage;
pub(crate) use forward::Forward;
pub(crate) use name::{SharedName, default_name};
pub use staged::Staged;
pub use traits::StageChain;
