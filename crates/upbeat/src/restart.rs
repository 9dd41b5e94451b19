//! Restart policies of parts and strategies of conductors.
//!
//! [`Part::restart`](crate::Part::restart) takes a [`Restart`], which says after which ends, with
//! which [`Backoff`] and how often a part is restarted.
//! [`Conductor::strategy`](crate::Conductor::strategy) takes a [`Strategy`], which says which parts
//! are restarted together. A player that returns [`RestartRequested`] is restarted without a
//! policy.

pub use crate::player::adapters::RestartRequested;
pub use upbeat_score::{Backoff, Restart, RestartWhen, Strategy};
