//! Sections of futures: one thread drives many of them.

mod future_set;
mod stage;

pub(crate) use stage::{AsyncStage, Links};
