//! Asynchronous stages: sections in which one thread drives many futures.

mod future_set;
mod stage;

pub(crate) use stage::{AsyncStage, AsyncStageEnd, Links};
