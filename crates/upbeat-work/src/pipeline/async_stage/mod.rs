//! Sections of futures: one thread drives many of them.

mod section;
mod set;

pub(crate) use section::{Concurrent, Joints};
