//! Worker pools: see [`Pool`].

mod all;
mod batch;
mod builder;
mod call;
mod cell;
mod emit;
mod entry;
mod hand;
mod handle;
mod outcome;
mod pace;
mod play;
mod queue;
mod report;
mod room;
mod settings;
mod shared;
mod size;
mod ticket;
mod worker;

pub use all::{Results, ResultsUnordered};
pub use builder::PoolBuilder;
pub use call::Work;
pub use emit::{Emitter, JobStream, ReaderGone};
pub use handle::Pool;
pub use outcome::{Closed, JobError, TrySubmitError};
pub use report::{Counts, Drained, Lost, PoolFailed};
pub use size::AlreadyStarted;
pub use ticket::Ticket;
pub use worker::Worker;
