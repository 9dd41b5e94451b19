//! Several pipelines at once.

use std::{panic::resume_unwind, thread};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use upbeat::Context;

use super::runnable::Runnable;
use crate::pipeline::{
    outcome::{PipelineError, PipelineReport},
    sink::{FailureSink, Pack, Sink},
    source::Source,
    stage::StageChain,
};

/// Pipelines that run at the same time, each with its own workers and its own outcome. Made by [`Runnable::and`].
#[derive(Debug)]
#[must_use = "it does nothing until it runs"]
pub struct Join<A, B> {
    one: A,
    other: B,
}

impl<S, L, P, K, H> Runnable<S, L, P, K, H> {
    /// Both at the same time: for pipelines that are [connected](crate::pipeline::connection()).
    pub fn and<O>(self, other: O) -> Join<Self, O> {
        Join::new(self, other)
    }
}

impl<A, B> Join<A, B> {
    pub(crate) fn new(one: A, other: B) -> Self {
        Self { one, other }
    }

    /// And one more.
    pub fn and<C>(self, third: C) -> Join<Self, C> {
        Join::new(self, third)
    }
}

impl<A: RunPipelines, B: RunPipelines> Join<A, B> {
    /// Runs all of them to their ends, as [`Runnable::run`] does one, and gives their outcomes, in the order in which they were put together.
    ///
    /// That one of them fails concerns those that are connected with it, and no others.
    ///
    /// # Panics
    ///
    /// When there is no thread for each of them.
    pub fn run(self) -> (A::Outcome, B::Outcome) {
        self.run_on(Handle::try_current().ok())
    }
}

impl<A: RunPipelines + 'static, B: RunPipelines + 'static> Join<A, B> {
    /// Runs all of them until they have ended or `cx` is done, as [`Runnable::run_in`] does one, and gives their outcomes.
    ///
    /// A stop that [finishes](crate::OnStop::Finish) goes front to back: a pipeline that others send to ends when they have.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, what is inside is dropped, as if by [`OnStop::Drop`](crate::OnStop::Drop).
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with time.
    pub async fn run_in(self, cx: &Context) -> (A::Outcome, B::Outcome) {
        tokio::join!(self.one.run_in(cx), self.other.run_in(cx))
    }
}

/// What can run. Sealed: [`Runnable`] and [`Join`].
pub trait RunPipelines: Send + sealed::Sealed {
    /// What comes of it; of several pipelines, both.
    type Outcome: Send;

    /// In a runtime, if there is one.
    #[doc(hidden)]
    fn run_on(self, runtime: Option<Handle>) -> Self::Outcome;

    /// Boxed: behind a type that is not named the compiler would ask for more of lifetimes than it can prove of a player that is `Send`.
    #[doc(hidden)]
    fn run_in(self, cx: &Context) -> BoxFuture<'_, Self::Outcome>
    where
        Self: 'static;
}

impl<S, L, P, K, H> RunPipelines for Runnable<S, L, P, K, H>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink<Output: Send>,
    H: FailureSink,
{
    type Outcome = Result<PipelineReport<K::Output>, PipelineError<K::Output>>;

    fn run_on(self, runtime: Option<Handle>) -> Self::Outcome {
        Self::run_on(self, runtime)
    }

    fn run_in(self, cx: &Context) -> BoxFuture<'_, Self::Outcome>
    where
        Self: 'static,
    {
        Box::pin(Self::run_in(self, cx))
    }
}

impl<A: RunPipelines, B: RunPipelines> RunPipelines for Join<A, B> {
    type Outcome = (A::Outcome, B::Outcome);

    fn run_on(self, runtime: Option<Handle>) -> Self::Outcome {
        let Self { one, other } = self;
        thread::scope(|scope| {
            let of_one = runtime.clone();
            let one = scope.spawn(move || one.run_on(of_one));
            let other = other.run_on(runtime);
            (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
        })
    }

    fn run_in(self, cx: &Context) -> BoxFuture<'_, Self::Outcome>
    where
        Self: 'static,
    {
        Box::pin(Self::run_in(self, cx))
    }
}

mod sealed {
    /// Nobody else runs: what is asked of it may change.
    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Sealed {}

    impl<S, L, P, K, H> Sealed for super::Runnable<S, L, P, K, H> {}
    impl<A, B> Sealed for super::Join<A, B> {}
}
