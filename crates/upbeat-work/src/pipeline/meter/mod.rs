//! How fast a pipeline is, and where its time goes.

mod board;
mod fill;
mod gauge;
mod handle;
mod laps;
mod number;
mod reading;

pub(crate) use board::Board;
pub(crate) use fill::JointFill;
pub(crate) use gauge::{Activity, Gauge, Shift};
pub use handle::Meter;
pub(crate) use laps::Laps;
pub use reading::{Bottleneck, MeterReading, SectionReading, StageReading};
