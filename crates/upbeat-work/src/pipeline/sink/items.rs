//! Sinks that take items one by one.

use std::fmt;

use upbeat::{BoxError, panic::Panic};

use super::{
    runs::{EmitRun, emit_runs},
    traits::{FailureSink, Pack, Packer, Sink, SinkClosed},
};
use crate::pipeline::{batch::Outputs, on_stack::on_stack, outcome::PipelineFailure};

/// The workers' part of sinks that take items as they are.
#[derive(Debug)]
pub struct Identity;

impl Packer for Identity {
    const MAY_FAIL: bool = false;
}

impl<T> Pack<T, T> for Identity {
    #[inline]
    fn pack(&self, item: T, units: &mut Vec<T>) -> Result<(), BoxError> {
        units.push(item);
        Ok(())
    }
}

/// The work of an [`ItemSink`].
pub trait Consume<T>: Send {
    type Output;

    /// Takes items until there are no more. It is called again behind an item that panicked.
    ///
    /// # Errors
    ///
    /// If it takes no more items.
    fn consume(&mut self, items: impl Iterator<Item = T>) -> Result<(), BoxError>;

    fn into_output(self) -> Self::Output;
}

/// A sink that takes items one by one.
///
/// A panic is a failure of that item, and the next item follows.
pub struct ItemSink<T, K> {
    consume: K,
    taken: u64,
    of: std::marker::PhantomData<fn(T)>,
}

impl<T, K> ItemSink<T, K> {
    pub(crate) fn new(consume: K) -> Self {
        Self { consume, taken: 0, of: std::marker::PhantomData }
    }
}

impl<T, K: Consume<T>> EmitRun<T> for ItemSink<T, K> {
    fn emit_run(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        failures: &mut impl FailureSink,
    ) -> Result<(), SinkClosed> {
        let (before, all) = (self.taken, items.len());
        let mut items = Some(items);
        let ended = loop {
            let run = Panic::catch(|| on_stack(&mut items, |items| self.consume.consume(items)));
            self.taken = before + (all - items.as_ref().map_or(0, ExactSizeIterator::len)) as u64;
            match run {
                Ok(run) => break run.unwrap_or(Ok(())).map_err(PipelineFailure::Sink),
                Err(panic) => {
                    let failure = failures.state().failure(self.taken - 1, panic.into());
                    if let Err(cause) = failures.take(failure) {
                        break Err(cause);
                    }
                }
            }
        };
        failures.state().emitted += self.taken - before;
        Ok(ended?)
    }
}

impl<T: Send, K: Consume<T>> Sink for ItemSink<T, K> {
    type Unit = T;
    type Output = K::Output;

    fn emit(&mut self, outputs: &mut Outputs<T>, failures: &mut impl FailureSink) -> Result<(), SinkClosed> {
        emit_runs(self, outputs, failures)
    }

    fn into_output(self) -> K::Output {
        self.consume.into_output()
    }
}

impl<T, K: fmt::Debug> fmt::Debug for ItemSink<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemSink").field("consume", &self.consume).field("taken", &self.taken).finish()
    }
}

/// The work of [`Pipeline::for_each`](crate::Pipeline::for_each).
pub struct ForEach<F>(pub(crate) F);

impl<T, F: FnMut(T) + Send> Consume<T> for ForEach<F> {
    type Output = ();

    #[inline]
    fn consume(&mut self, items: impl Iterator<Item = T>) -> Result<(), BoxError> {
        items.for_each(&mut self.0);
        Ok(())
    }

    fn into_output(self) {}
}

impl<F> fmt::Debug for ForEach<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForEach")
    }
}

/// The work of [`Pipeline::try_for_each`](crate::Pipeline::try_for_each).
pub struct TryForEach<F>(pub(crate) F);

impl<T, E: Into<BoxError>, F: FnMut(T) -> Result<(), E> + Send> Consume<T> for TryForEach<F> {
    type Output = ();

    #[inline]
    fn consume(&mut self, mut items: impl Iterator<Item = T>) -> Result<(), BoxError> {
        items.try_for_each(&mut self.0).map_err(Into::into)
    }

    fn into_output(self) {}
}

impl<F> fmt::Debug for TryForEach<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryForEach")
    }
}

/// The work of [`Pipeline::collect`](crate::Pipeline::collect).
pub struct Collect<T>(pub(crate) Vec<T>);

impl<T: Send> Consume<T> for Collect<T> {
    type Output = Vec<T>;

    #[inline]
    fn consume(&mut self, items: impl Iterator<Item = T>) -> Result<(), BoxError> {
        self.0.extend(items);
        Ok(())
    }

    fn into_output(self) -> Vec<T> {
        self.0
    }
}

impl<T> fmt::Debug for Collect<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collect").field(&self.0.len()).finish()
    }
}

/// The work of [`Pipeline::fold`](crate::Pipeline::fold).
pub struct Fold<A, F> {
    value: Option<A>,
    step: F,
}

impl<A, F> Fold<A, F> {
    pub(crate) fn new(value: A, step: F) -> Self {
        Self { value: Some(value), step }
    }
}

impl<T, A: Send, F: FnMut(&mut A, T) + Send> Consume<T> for Fold<A, F> {
    type Output = A;

    #[inline]
    fn consume(&mut self, items: impl Iterator<Item = T>) -> Result<(), BoxError> {
        let Self { value, step } = self;
        on_stack(value, |value| items.for_each(|item| step(value, item)));
        Ok(())
    }

    #[expect(clippy::expect_used, reason = "`on_stack` puts the value back, also after a panic")]
    fn into_output(self) -> A {
        self.value.expect("the value is put back")
    }
}

impl<A, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}
