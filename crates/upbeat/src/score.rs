//! A score as data: the policies of its parts, its plan, and its faults.
//!
//! [`Conductor::check`](crate::Conductor::check) returns the [`Plan`] of a score, or a
//! [`ScoreError`] with every [`Fault`].

pub use upbeat_score::{
    AddError, Condition, Fault, OnFailure, OnUnresponsive, Plan, Readiness, RemoveError, ScoreError, StopPath, Warning,
};
