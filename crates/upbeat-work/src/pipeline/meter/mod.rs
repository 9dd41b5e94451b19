//! Meters: the speed of a pipeline, and where its time goes.

mod handle;
mod laps;
mod link;
mod number;
mod reading;
mod registry;
mod section;
mod stages;
mod worker;

pub use handle::Meter;
pub(crate) use laps::LapTimes;
pub(crate) use link::LinkFill;
pub use reading::{Bottleneck, MeterReading, SectionReading, StageReading};
pub(crate) use registry::MeterRegistry;
pub(crate) use section::SectionMeter;
pub(crate) use worker::{Activity, MeterSpan};
