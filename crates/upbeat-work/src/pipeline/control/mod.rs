//! What the sections of a pipeline share while they run.

mod section;
mod shared;
mod stop;
mod waiting;

pub(crate) use section::{Outcome, Segment, Segments};
pub(crate) use shared::Run;
pub use stop::StopHandle;
pub(crate) use waiting::Waiting;
