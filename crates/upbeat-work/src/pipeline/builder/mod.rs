//! The builder: from the source to the sink.

mod sections;
mod sinks;
mod sources;
mod stages;

use std::{fmt, sync::Arc};

use crate::pipeline::control::Control;

/// What is done with the items of a source, stage by stage, up to the sink.
///
/// It reads the way that items go: a source, stages, a sink. The sink makes it a [`Runnable`](crate::pipeline::Runnable), which says how it runs.
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
pub struct Pipeline<S, L> {
    pub(crate) source: S,
    pub(crate) line: L,
    /// The names of the stages.
    pub(crate) stages: Vec<Arc<str>>,
    pub(crate) run: Control,
}

impl<S, L> Pipeline<S, L> {
    fn new(source: S, line: L) -> Self {
        Self { source, line, stages: Vec::new(), run: Control::default() }
    }
}

impl<S: fmt::Debug, L> fmt::Debug for Pipeline<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("source", &self.source).field("stages", &self.stages).finish_non_exhaustive()
    }
}
