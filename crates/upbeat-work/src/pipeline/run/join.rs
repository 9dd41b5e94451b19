//! Runs of several pipelines at once.

use std::{panic::resume_unwind, thread};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use upbeat::Context;

use super::runnable::Runnable;
use crate::pipeline::{
    engine::Assembly,
    outcome::{PipelineError, PipelineReport},
};

/// Pipelines that run at the same time, each with its own workers and its own outcome.
///
/// [`Runnable::and`] makes it.
#[derive(Debug)]
#[must_use = "pipelines do nothing until they run"]
pub struct Join<A, B> {
    one: A,
    other: B,
}

impl<A> Runnable<A> {
    /// Joins this pipeline and another one, to run both at the same time.
    ///
    /// It is for pipelines that are [connected](crate::pipeline::connection()).
    pub fn and<O>(self, other: O) -> Join<Self, O> {
        Join { one: self, other }
    }
}

impl<A, B> Join<A, B> {
    /// Adds another pipeline.
    pub fn and<C>(self, third: C) -> Join<Self, C> {
        Join { one: self, other: third }
    }
}

impl<A: RunPipelines, B: RunPipelines> Join<A, B> {
    /// Runs all pipelines to their ends, as [`Runnable::run`], and returns their outcomes in the
    /// order in which they were joined.
    ///
    /// The failure of a pipeline affects those that are connected with it, and no others.
    ///
    /// # Panics
    ///
    /// If there is no thread for each of them.
    pub fn run(self) -> (A::Outcome, B::Outcome) {
        self.run_on(Handle::try_current().ok().as_ref())
    }
}

impl<A: RunPipelines + 'static, B: RunPipelines + 'static> Join<A, B> {
    /// Runs all pipelines until they have ended or `cx` is done, as [`Runnable::run_in`], and
    /// returns their outcomes.
    ///
    /// A stop that [finishes](crate::OnStop::Finish) goes front to back: a pipeline that others
    /// send to ends when they have ended.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, items in flight are dropped, as with
    /// [`OnStop::Drop`](crate::OnStop::Drop).
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with time.
    pub async fn run_in(self, cx: &Context) -> (A::Outcome, B::Outcome) {
        tokio::join!(self.one.run_in(cx), self.other.run_in(cx))
    }
}

/// One or more pipelines that can run.
///
/// Sealed: [`Runnable`] and [`Join`] implement it.
pub trait RunPipelines: StartRun<<Self as RunPipelines>::Outcome> {
    /// The outcome of the run. For several pipelines it is a pair of outcomes.
    type Outcome: Send;
}

/// The sealed part of [`RunPipelines`].
pub trait StartRun<O>: Send + Sized {
    /// Runs on plain threads, with the runtime that this thread belongs to.
    fn run_on(self, runtime: Option<&Handle>) -> O;

    /// Runs as the body of a player.
    ///
    /// The future is boxed: with an unnamed type, the compiler would ask for more of lifetimes than
    /// it can prove of a player that is `Send`.
    fn run_in(self, cx: &Context) -> BoxFuture<'_, O>
    where
        Self: 'static;
}

impl<A: Assembly<Output: Send>> RunPipelines for Runnable<A> {
    type Outcome = Result<PipelineReport<A::Output>, PipelineError<A::Output>>;
}

impl<A: Assembly<Output: Send>> StartRun<Result<PipelineReport<A::Output>, PipelineError<A::Output>>> for Runnable<A> {
    fn run_on(self, runtime: Option<&Handle>) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        Self::run_on(self, runtime)
    }

    fn run_in(self, cx: &Context) -> BoxFuture<'_, Result<PipelineReport<A::Output>, PipelineError<A::Output>>>
    where
        Self: 'static,
    {
        Box::pin(Self::run_in(self, cx))
    }
}

impl<A: RunPipelines, B: RunPipelines> RunPipelines for Join<A, B> {
    type Outcome = (A::Outcome, B::Outcome);
}

impl<A: RunPipelines, B: RunPipelines> StartRun<(A::Outcome, B::Outcome)> for Join<A, B> {
    fn run_on(self, runtime: Option<&Handle>) -> (A::Outcome, B::Outcome) {
        let Self { one, other } = self;
        thread::scope(|scope| {
            let one = scope.spawn(move || one.run_on(runtime));
            let other = other.run_on(runtime);
            (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
        })
    }

    fn run_in(self, cx: &Context) -> BoxFuture<'_, (A::Outcome, B::Outcome)>
    where
        Self: 'static,
    {
        Box::pin(Self::run_in(self, cx))
    }
}
