//! Sinks of items.

use std::fmt;

use upbeat::{BoxError, Panic};

use super::{Failures, Pack, Sink, private::Sealed};
use crate::{Cause, stage::Tray};

/// Puts items into the tray as they are.
#[derive(Debug)]
pub struct Whole;

impl<T> Pack<T, T> for Whole {
    #[inline]
    fn pack(&self, item: T, tray: &mut Vec<T>) -> Result<(), BoxError> {
        tray.push(item);
        Ok(())
    }
}

impl Sealed for Whole {}

/// What is done with each item.
#[doc(hidden)]
pub trait Take<T>: Send {
    type Output;

    /// # Errors
    ///
    /// When it wants no more.
    fn take(&mut self, item: T) -> Result<(), BoxError>;

    fn into_output(self) -> Self::Output;
}

/// A sink that takes items one by one. A panic is a failure of that item, and the next one follows.
pub struct Each<T, K> {
    take: K,
    taken: u64,
    of: std::marker::PhantomData<fn(T)>,
}

impl<T, K> Each<T, K> {
    pub(crate) fn new(take: K) -> Self {
        Self { take, taken: 0, of: std::marker::PhantomData }
    }
}

impl<T, K: Take<T>> Each<T, K> {
    #[inline]
    fn some(&mut self, mut items: impl Iterator<Item = T>, failures: &mut impl Failures) -> Result<(), Cause> {
        let before = self.taken;
        let ended = loop {
            let run = Panic::catch(|| {
                for item in items.by_ref() {
                    self.taken += 1;
                    self.take.take(item)?;
                }
                Ok(())
            });
            match run {
                Ok(run) => break run.map_err(Cause::Sink),
                Err(panic) => {
                    let failure = failures.tally().of_sink(self.taken - 1, panic);
                    if let Err(cause) = failures.take(failure) {
                        break Err(cause);
                    }
                }
            }
        };
        failures.tally().emitted += self.taken - before;
        ended
    }
}

impl<T: Send, K: Take<T>> Sink for Each<T, K> {
    type Unit = T;
    type Output = K::Output;

    fn emit(&mut self, tray: &mut Tray<T>, failures: &mut impl Failures) -> Result<(), Cause> {
        let mut items = tray.units.drain(..);
        let mut at = 0;
        for misfit in tray.failures.drain(..) {
            self.some(items.by_ref().take(misfit.units - at), failures)?;
            at = misfit.units;
            failures.take(misfit.failure)?;
        }
        self.some(items, failures)
    }

    fn into_output(self) -> K::Output {
        self.take.into_output()
    }
}

impl<T, K> Sealed for Each<T, K> {}

impl<T, K: fmt::Debug> fmt::Debug for Each<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Each").field("take", &self.take).field("taken", &self.taken).finish()
    }
}

/// The sink of [`Pipeline::for_each`](crate::Pipeline::for_each).
pub struct ForEach<F>(pub(crate) F);

impl<T, F: FnMut(T) + Send> Take<T> for ForEach<F> {
    type Output = ();

    #[inline]
    fn take(&mut self, item: T) -> Result<(), BoxError> {
        (self.0)(item);
        Ok(())
    }

    fn into_output(self) {}
}

impl<F> fmt::Debug for ForEach<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForEach")
    }
}

/// The sink of [`Pipeline::try_for_each`](crate::Pipeline::try_for_each).
pub struct TryForEach<F>(pub(crate) F);

impl<T, E: Into<BoxError>, F: FnMut(T) -> Result<(), E> + Send> Take<T> for TryForEach<F> {
    type Output = ();

    #[inline]
    fn take(&mut self, item: T) -> Result<(), BoxError> {
        (self.0)(item).map_err(Into::into)
    }

    fn into_output(self) {}
}

impl<F> fmt::Debug for TryForEach<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryForEach")
    }
}

/// The sink of [`Pipeline::collect`](crate::Pipeline::collect).
pub struct Collect<T>(pub(crate) Vec<T>);

impl<T: Send> Take<T> for Collect<T> {
    type Output = Vec<T>;

    #[inline]
    fn take(&mut self, item: T) -> Result<(), BoxError> {
        self.0.push(item);
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

/// The sink of [`Pipeline::fold`](crate::Pipeline::fold).
pub struct Fold<A, F> {
    pub(crate) value: A,
    pub(crate) step: F,
}

impl<T, A: Send, F: FnMut(&mut A, T) + Send> Take<T> for Fold<A, F> {
    type Output = A;

    #[inline]
    fn take(&mut self, item: T) -> Result<(), BoxError> {
        (self.step)(&mut self.value, item);
        Ok(())
    }

    fn into_output(self) -> A {
        self.value
    }
}

impl<A, F> fmt::Debug for Fold<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fold").finish_non_exhaustive()
    }
}
