//! The state machine that plays a score.

mod core;
mod ending;
mod nanos;
mod slot;
mod stopping;
mod types;

pub use self::{
    core::Machine,
    types::{Action, AddError, End, Ended, Event, Moment, PartId, RemoveError, State, StopWhy, Why},
};
