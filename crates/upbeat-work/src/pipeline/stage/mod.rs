//! What happens to an item between source and sink.
//!
//! Stages are fused by pushing: an item is given to the first stage, which gives what it makes of it to the next, and so on down to the batch's tray. All of it is
//! one loop after inlining, with nothing allocated and nothing sent in between.

mod account;
mod head;
mod name;
mod pass_along;
mod relay;
mod staged;
mod stages;
mod traits;

pub use account::Account;
pub use head::{BlockHead, Head, LineHead};
pub(crate) use name::{Name, default_name};
pub use pass_along::PassAlong;
pub(crate) use relay::Relay;
pub use relay::RelayHead;
pub use staged::Staged;
pub use stages::{Filter, FlatMap, Inspect, Label, Map, TryMap};
pub use traits::{Downstream, Flow, Line, Stage};
