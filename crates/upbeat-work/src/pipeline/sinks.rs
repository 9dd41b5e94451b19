//! The sinks.

use std::{io::Write, panic::Location};

use upbeat::BoxError;

use super::Pipeline;
use crate::{
    Runnable,
    sink::{Collect, Each, Fold, ForEach, Format, TryForEach, Whole, Written},
    source::Source,
    stage::Line,
};

/// Sinks. One worker at a time gives it items, in order; what it borrows need not be shared. A panic in it is a failure of that item.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> Line<'b, S::Batch>,
{
    /// Does something with each item.
    #[track_caller]
    pub fn for_each<T, F>(self, f: F) -> Runnable<S, L, Whole, Each<T, ForEach<F>>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(T) + Send,
    {
        Runnable::new(self, "for_each", Location::caller(), Whole, Each::new(ForEach(f)))
    }

    /// Does something with each item, until it fails: that ends the pipeline with [`Cause::Sink`](crate::Cause::Sink).
    #[track_caller]
    pub fn try_for_each<T, E, F>(self, f: F) -> Runnable<S, L, Whole, Each<T, TryForEach<F>>>
    where
        T: Send,
        E: Into<BoxError>,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(T) -> Result<(), E> + Send,
    {
        Runnable::new(self, "try_for_each", Location::caller(), Whole, Each::new(TryForEach(f)))
    }

    /// Collects all items.
    #[track_caller]
    pub fn collect<T>(self) -> Runnable<S, L, Whole, Each<T, Collect<T>>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
    {
        Runnable::new(self, "collect", Location::caller(), Whole, Each::new(Collect(Vec::new())))
    }

    /// Brings all items into one value. When `step` panics the value stays as the panic left it.
    #[track_caller]
    pub fn fold<T, A, F>(self, value: A, step: F) -> Runnable<S, L, Whole, Each<T, Fold<A, F>>>
    where
        T: Send,
        A: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(&mut A, T) + Send,
    {
        Runnable::new(self, "fold", Location::caller(), Whole, Each::new(Fold::new(value, step)))
    }

    /// Writes each item: the workers format it, and the sink writes what a batch became with one `write_all`.
    ///
    /// `format` appends to the buffer. Nothing is written of an item that fails or panics. The writer is flushed in the end, and needs no
    /// `BufWriter`. When it fails, that ends the pipeline with [`Cause::Sink`](crate::Cause::Sink).
    ///
    /// ```
    /// # use std::io::Write as _;
    /// # use upbeat_work::Pipeline;
    /// let squares = Pipeline::from_iter(1..4).map(|n| n * n).write(Vec::new(), |n, out| writeln!(out, "{n}")).run()?.output;
    /// assert_eq!(squares, b"1\n4\n9\n");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn write<W, E, F>(self, to: W, format: F) -> Runnable<S, L, Format<F>, Written<W>>
    where
        W: Write + Send,
        E: Into<BoxError>,
        F: for<'b> Fn(<L as Line<'b, S::Batch>>::Out, &mut Vec<u8>) -> Result<(), E> + Send + Sync,
    {
        Runnable::new(self, "write", Location::caller(), Format(format), Written(to))
    }
}
