//! Pipelines: from a source through stages to a sink.

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
pub use meter::{Bottleneck, Meter, MeterReading, SectionReading, StageReading};
pub use options::{Concurrency, ItemPolicy, OnStop, Section};
pub use outcome::{ItemFailure, PipelineError, PipelineFailure, PipelineReport};
pub use run::{Join, RunPipelines, Runnable};
