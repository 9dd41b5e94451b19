//! The sinks.

use std::{io::Write, panic::Location};

use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    connection::Inlet,
    run::Runnable,
    sink::{Broadcast, Collect, Each, Fold, ForEach, Format, Outward, Route, Straight, TryForEach, Whole, Written},
    source::Source,
    stage::{Line, default_name},
};

/// Sinks. One worker at a time gives it items, in order; what it borrows need not be shared. A panic in it is a failure of that item.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> Line<'b, S::Batch>,
{
    fn to<P, K>(mut self, kind: &str, at: &Location<'_>, pack: P, sink: K) -> Runnable<S, L, P, K> {
        self.stages.push(default_name(kind, at));
        Runnable::new(self.source, self.line, self.stages, self.run, pack, sink)
    }

    /// Does something with each item.
    #[track_caller]
    pub fn for_each<T, F>(self, f: F) -> Runnable<S, L, Whole, Each<T, ForEach<F>>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(T) + Send,
    {
        self.to("for_each", Location::caller(), Whole, Each::new(ForEach(f)))
    }

    /// Does something with each item, until it fails: that ends the pipeline with [`Cause::Sink`](crate::pipeline::Cause::Sink).
    #[track_caller]
    pub fn try_for_each<T, E, F>(self, f: F) -> Runnable<S, L, Whole, Each<T, TryForEach<F>>>
    where
        T: Send,
        E: Into<BoxError>,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(T) -> Result<(), E> + Send,
    {
        self.to("try_for_each", Location::caller(), Whole, Each::new(TryForEach(f)))
    }

    /// Collects all items.
    #[track_caller]
    pub fn collect<T>(self) -> Runnable<S, L, Whole, Each<T, Collect<T>>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
    {
        self.to("collect", Location::caller(), Whole, Each::new(Collect(Vec::new())))
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
        self.to("fold", Location::caller(), Whole, Each::new(Fold::new(value, step)))
    }

    /// Writes each item: the workers format it, and the sink writes what a batch became with one `write_all`.
    ///
    /// `format` appends to the buffer. Nothing is written of an item that fails or panics. The writer is flushed in the end, and needs no
    /// `BufWriter`. When it fails, that ends the pipeline with [`Cause::Sink`](crate::pipeline::Cause::Sink).
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
        self.to("write", Location::caller(), Format(format), Written(to))
    }

    /// Sends each item through a [`connection`](crate::pipeline::connection()) to another pipeline.
    ///
    /// When that one has ended this one ends with [`Cause::Sink`](crate::pipeline::Cause::Sink): [`Disconnected`](crate::pipeline::Disconnected).
    #[track_caller]
    pub fn send_to<T>(self, inlet: Inlet<T>) -> Runnable<S, L, Whole, Outward<T, Straight>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
    {
        let outward = Outward::new([inlet], Straight, self.run.clone());
        self.to("send_to", Location::caller(), Whole, outward)
    }

    /// Sends each item through one of several [connections](crate::pipeline::connection()): the one with the number that `to` says, from 0.
    ///
    /// Without a connection of that number the item has failed. When one of the receiving pipelines has ended this one ends, as
    /// [`send_to`](Pipeline::send_to) does.
    #[track_caller]
    pub fn route<T, F>(
        self,
        inlets: impl IntoIterator<Item = Inlet<T>>,
        to: F,
    ) -> Runnable<S, L, Whole, Outward<T, Route<F>>>
    where
        T: Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
        F: FnMut(&T) -> usize + Send,
    {
        let outward = Outward::new(inlets, Route(to), self.run.clone());
        self.to("route", Location::caller(), Whole, outward)
    }

    /// Sends each item through all of several [connections](crate::pipeline::connection()).
    ///
    /// The slowest of the receiving pipelines sets the pace. When one has ended this one ends, as [`send_to`](Pipeline::send_to) does. An item
    /// whose `clone` panics has failed, and may have come to some of them.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, pipeline::connection};
    /// let ((to_sum, sum), (to_most, most)) = (connection(10), connection(10));
    /// let (outcome, most) = Pipeline::from_iter([3, 1, 2])
    ///     .broadcast([to_sum, to_most])
    ///     .and(Pipeline::from_outlet(sum).fold(0, |sum, n| *sum += n))
    ///     .and(Pipeline::from_outlet(most).fold(0, |most, n| *most = n.max(*most)))
    ///     .run();
    /// let (sent, sum) = outcome;
    /// assert_eq!((sent?.emitted, sum?.output, most?.output), (3, 6, 3));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn broadcast<T>(
        self,
        inlets: impl IntoIterator<Item = Inlet<T>>,
    ) -> Runnable<S, L, Whole, Outward<T, Broadcast>>
    where
        T: Clone + Send,
        L: for<'b> Line<'b, S::Batch, Out = T>,
    {
        let outward = Outward::new(inlets, Broadcast, self.run.clone());
        self.to("broadcast", Location::caller(), Whole, outward)
    }
}
