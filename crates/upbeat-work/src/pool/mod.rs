//! Worker pools: see [`Pool`].

mod api;
mod queue;
mod worker;

pub use api::{
    builder::PoolBuilder,
    error::{JobError, PoolClosed, PoolFailed, TrySubmitError},
    pool::Pool,
    results::{Results, ResultsUnordered},
    stream::{Emitter, JobStream, StreamClosed},
    ticket::Ticket,
};
pub use queue::report::{Drained, Lost, PoolCounts};
pub use worker::{Worker, call::Work, scale::AlreadyStarted};
