//! Pipelines, from a source through stages to a sink.
//!
//! The [page of the crate](crate) introduces them. [`Pipeline`] has the sources, stages and sinks,
//! [`Runnable`] the settings and the run.

mod async_stage;
mod batch;
mod builder;
mod connection;
mod control;
mod engine;
mod meter;
mod on_stack;
mod options;
mod outcome;
mod run;
pub mod sink;
pub mod source;
pub mod stage;

pub use builder::Pipeline;
pub use connection::{ConnectionReceiver, ConnectionSender, Disconnected, connection};
pub use control::StopHandle;
pub use engine::{Assembled, Assembly};
pub use meter::{Bottleneck, Meter, MeterReading, SectionReading, StageReading};
pub use options::{Concurrency, ItemPolicy, OnStop, Section};
pub use outcome::{ItemFailure, PipelineError, PipelineFailure, PipelineReport};
pub use run::{Join, RunPipelines, Runnable};
