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
pub use connection::{Disconnected, Inlet, Outlet, connection};
pub use control::StopHandle;
pub use meter::{Bottleneck, Meter, MeterReading, SectionReading, StageReading};
pub use options::{Concurrency, OnFailure, OnStop, Section};
pub use outcome::{Cause, Failure, PipelineError, Report};
pub use run::{Runnable, Runs, RunsIn, Together};
