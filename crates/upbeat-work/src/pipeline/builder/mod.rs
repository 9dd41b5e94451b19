//! The builder of pipelines, from the source to the sink.

mod sections;
mod sinks;
mod sources;
mod stages;

use std::{fmt, sync::Arc};

use crate::pipeline::control::Control;

/// A source, and the stages that its items go through, up to the sink.
///
/// The calls are in the order of the way of an item: a source, stages, a sink. The sink makes it a
/// [`Runnable`](crate::pipeline::Runnable), which has the settings of the run.
///
/// ```
/// use upbeat_work::Pipeline;
///
/// let report = Pipeline::from_iter(1..=1_000_u64)
///     .filter(|n| n % 3 == 0)
///     .map(|n| n * n)
///     .fold(0, |sum, square| *sum += square)
///     .run()?;
/// assert_eq!(report.output, 111_277_611);
/// # Ok::<_, upbeat_work::PipelineError<u64>>(())
/// ```
#[must_use = "a pipeline does nothing until it has a sink and runs"]
pub struct Pipeline<S, L> {
    source: S,
    chain: L,
    /// The names of the stages.
    names: Vec<Arc<str>>,
    control: Control,
}

impl<S, L> Pipeline<S, L> {
    fn new(source: S, chain: L) -> Self {
        Self { source, chain, names: Vec::new(), control: Control::default() }
    }
}

impl<S: fmt::Debug, L> fmt::Debug for Pipeline<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("source", &self.source).field("stages", &self.names).finish_non_exhaustive()
    }
}
