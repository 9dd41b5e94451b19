//! The outcome of one job.

use upbeat::panic::Panic;

use crate::targets;

/// The outcome of an accepted job, as the pool keeps it.
///
/// The panic is boxed, so that a rare case does not enlarge every reply.
pub(crate) enum JobOutcome<R> {
    Finished(R),
    Panicked(Box<Panic>),
    Lost { begun: bool },
    Refused,
}

/// Drops a value of the user. If the drop panics, the panic is logged and goes no further.
pub(crate) fn discard<T>(value: T) {
    if let Err(panic) = Panic::catch(|| drop(value)) {
        tracing::error!(
            target: targets::POOL,
            panic = panic.message(),
            location = panic.location(),
            "drop of a job, a result or a worker state panicked"
        );
    }
}
