//! The parts of a pipeline, from source to sink.

use super::fused::{Fused, FusedStages};
use crate::pipeline::{
    sink::{FailureSink, KeepFailures, Pack, Sink},
    source::Source,
    stage::StageChain,
};

/// The parts of a pipeline, from source to sink.
///
/// Sealed: the last methods of [`Pipeline`](crate::Pipeline) make the implementors. It names the
/// types of functions that return a [`Runnable`](crate::pipeline::Runnable).
///
/// ```
/// use upbeat_work::{Pipeline, pipeline::{Assembly, Runnable}};
///
/// fn squares(n: u64) -> Runnable<impl Assembly<Output = Vec<u64>>> {
///     Pipeline::from_iter(0..n).map(|n| n * n).collect()
/// }
///
/// assert_eq!(squares(4).workers(2).run()?.output, [0, 1, 4, 9]);
/// # Ok::<_, upbeat_work::PipelineError<Vec<u64>>>(())
/// ```
pub trait Assembly: Assemble<<Self as Assembly>::Output> {
    /// The output of the sink: the collection, the accumulator, the writer.
    type Output;
}

/// The sealed part of an [`Assembly`].
pub trait Assemble<O>: Send + Sized {
    /// A batch of the source.
    type Raw: Default + Send;
    /// The units of the sink.
    type Unit: Send;
    type Source: Source<Batch = Self::Raw>;
    type Stages: FusedStages<Self::Raw, Self::Unit>;
    type Sink: Sink<Unit = Self::Unit, Output = O>;
    type Failures: FailureSink;

    fn source(&mut self) -> &mut Self::Source;

    fn failures(&mut self) -> &mut Self::Failures;

    fn into_parts(self) -> (Self::Source, Self::Stages, Self::Sink, Self::Failures);
}

/// The parts of a pipeline, as its builder has made them.
#[derive(Debug)]
pub struct Assembled<S, L, P, K, H = KeepFailures> {
    pub(crate) source: S,
    pub(crate) stages: Fused<L, P>,
    pub(crate) sink: K,
    pub(crate) failures: H,
}

impl<S, L, P, K> Assembled<S, L, P, K> {
    pub(crate) fn new(source: S, chain: L, pack: P, sink: K) -> Self {
        Self { source, stages: Fused { chain, pack }, sink, failures: KeepFailures::default() }
    }
}

impl<S, L, P, K, H> Assembled<S, L, P, K, H> {
    /// Replaces the receiver of failures.
    pub(crate) fn map_failures<J>(self, map: impl FnOnce(H) -> J) -> Assembled<S, L, P, K, J> {
        let Self { source, stages, sink, failures } = self;
        Assembled { source, stages, sink, failures: map(failures) }
    }
}

impl<S, L, P, K, H> Assembly for Assembled<S, L, P, K, H>
where
    K: Sink,
    Self: Assemble<K::Output>,
{
    type Output = K::Output;
}

impl<S, L, P, K, H> Assemble<K::Output> for Assembled<S, L, P, K, H>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    type Raw = S::Batch;
    type Unit = K::Unit;
    type Source = S;
    type Stages = Fused<L, P>;
    type Sink = K;
    type Failures = H;

    fn source(&mut self) -> &mut S {
        &mut self.source
    }

    fn failures(&mut self) -> &mut H {
        &mut self.failures
    }

    fn into_parts(self) -> (S, Fused<L, P>, K, H) {
        (self.source, self.stages, self.sink, self.failures)
    }
}
