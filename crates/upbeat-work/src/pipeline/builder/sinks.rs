//! The sinks.

use std::{io::Write, panic::Location};

use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    connection::ConnectionSender,
    run::Runnable,
    sink::{
        Broadcast, Collect, ConnectionSink, Fold, ForEach, Format, Identity, ItemSink, Route, SingleTarget, TryForEach,
        Written,
    },
    source::Source,
    stage::{StageChain, default_name},
};

/// Sinks. One worker at a time gives it items, in order; what it borrows need not be shared. A panic in it is a failure of that item.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    fn to<P, K>(mut self, kind: &str, at: &Location<'_>, pack: P, sink: K) -> Runnable<S, L, P, K> {
        self.stages.push(default_name(kind, at));
        Runnable::new(self.source, self.line, self.stages, self.run, pack, sink)
    }

    /// Does something with each item.
    #[track_caller]
    pub fn for_each<T, F>(self, f: F) -> Runnable<S, L, Identity, ItemSink<T, ForEach<F>>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(T) + Send,
    {
        self.to("for_each", Location::caller(), Identity, ItemSink::new(ForEach(f)))
    }

    /// Does something with each item, until it fails: that ends the pipeline with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
    #[track_caller]
    pub fn try_for_each<T, E, F>(self, f: F) -> Runnable<S, L, Identity, ItemSink<T, TryForEach<F>>>
    where
        T: Send,
        E: Into<BoxError>,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(T) -> Result<(), E> + Send,
    {
        self.to("try_for_each", Location::caller(), Identity, ItemSink::new(TryForEach(f)))
    }

    /// Collects all items.
    #[track_caller]
    pub fn collect<T>(self) -> Runnable<S, L, Identity, ItemSink<T, Collect<T>>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        self.to("collect", Location::caller(), Identity, ItemSink::new(Collect(Vec::new())))
    }

    /// Brings all items into one value. When `step` panics the value stays as the panic left it.
    #[track_caller]
    pub fn fold<T, A, F>(self, value: A, step: F) -> Runnable<S, L, Identity, ItemSink<T, Fold<A, F>>>
    where
        T: Send,
        A: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(&mut A, T) + Send,
    {
        self.to("fold", Location::caller(), Identity, ItemSink::new(Fold::new(value, step)))
    }

    /// Writes each item: the workers format it, and the sink writes what a batch became with one `write_all`.
    ///
    /// `format` appends to the buffer. Nothing is written of an item that fails or panics. The writer is flushed in the end, and needs no
    /// `BufWriter`. When it fails, that ends the pipeline with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
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
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out, &mut Vec<u8>) -> Result<(), E> + Send + Sync,
    {
        self.to("write", Location::caller(), Format(format), Written(to))
    }

    /// Sends each item through a [`connection`](crate::pipeline::connection()) to another pipeline.
    ///
    /// When that one has ended this one ends with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink): [`Disconnected`](crate::pipeline::Disconnected).
    #[track_caller]
    pub fn send_to<T>(self, to: ConnectionSender<T>) -> Runnable<S, L, Identity, ConnectionSink<T, SingleTarget>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        let outward = ConnectionSink::new([to], SingleTarget, self.run.clone());
        self.to("send_to", Location::caller(), Identity, outward)
    }

    /// Sends each item through one of several [connections](crate::pipeline::connection()): the one with the number that `to` says, from 0.
    ///
    /// Without a connection of that number the item has failed. When one of the receiving pipelines has ended this one ends, as
    /// [`send_to`](Pipeline::send_to) does.
    #[track_caller]
    pub fn route<T, F>(
        self,
        connections: impl IntoIterator<Item = ConnectionSender<T>>,
        to: F,
    ) -> Runnable<S, L, Identity, ConnectionSink<T, Route<F>>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(&T) -> usize + Send,
    {
        let outward = ConnectionSink::new(connections, Route(to), self.run.clone());
        self.to("route", Location::caller(), Identity, outward)
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
    ///     .and(Pipeline::from_connection(sum).fold(0, |sum, n| *sum += n))
    ///     .and(Pipeline::from_connection(most).fold(0, |most, n| *most = n.max(*most)))
    ///     .run();
    /// let (sent, sum) = outcome;
    /// assert_eq!((sent?.emitted, sum?.output, most?.output), (3, 6, 3));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn broadcast<T>(
        self,
        connections: impl IntoIterator<Item = ConnectionSender<T>>,
    ) -> Runnable<S, L, Identity, ConnectionSink<T, Broadcast>>
    where
        T: Clone + Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        let outward = ConnectionSink::new(connections, Broadcast, self.run.clone());
        self.to("broadcast", Location::caller(), Identity, outward)
    }
}
