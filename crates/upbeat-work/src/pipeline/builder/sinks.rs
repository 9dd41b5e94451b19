//! The sinks.

use std::{io::Write, panic::Location};

use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    connection::ConnectionSender,
    engine::Assembled,
    run::Runnable,
    sink::{
        Broadcast, Collect, ConnectionSink, Fold, ForEach, Format, Identity, ItemSink, Route, SingleTarget, TryForEach,
        Written,
    },
    source::Source,
    stage::{StageChain, default_name},
};

type ToItems<S, L, T, K> = Runnable<Assembled<S, L, Identity, ItemSink<T, K>>>;
type ToConnections<S, L, T, P> = Runnable<Assembled<S, L, Identity, ConnectionSink<T, P>>>;

/// Sinks. One worker at a time passes items to the sink, in order, so it need not be `Sync`. A
/// panic of the sink is a failure of that item.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    fn to<P, K>(mut self, kind: &str, at: &Location<'_>, pack: P, sink: K) -> Runnable<Assembled<S, L, P, K>> {
        self.names.push(default_name(kind, at));
        Runnable::new(Assembled::new(self.source, self.chain, pack, sink), self.names, self.control)
    }

    /// Calls `f` with each item.
    #[track_caller]
    pub fn for_each<T, F>(self, f: F) -> ToItems<S, L, T, ForEach<F>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(T) + Send,
    {
        self.to("for_each", Location::caller(), Identity, ItemSink::new(ForEach(f)))
    }

    /// Calls `f` with each item, until it fails.
    ///
    /// The failure ends the pipeline with
    /// [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
    #[track_caller]
    pub fn try_for_each<T, E, F>(self, f: F) -> ToItems<S, L, T, TryForEach<F>>
    where
        T: Send,
        E: Into<BoxError>,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(T) -> Result<(), E> + Send,
    {
        self.to("try_for_each", Location::caller(), Identity, ItemSink::new(TryForEach(f)))
    }

    /// Collects all items into a vector.
    #[track_caller]
    pub fn collect<T>(self) -> ToItems<S, L, T, Collect<T>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        self.to("collect", Location::caller(), Identity, ItemSink::new(Collect(Vec::new())))
    }

    /// Combines all items into one value. If `step` panics, the value stays as the panic left it.
    #[track_caller]
    pub fn fold<T, A, F>(self, value: A, step: F) -> ToItems<S, L, T, Fold<A, F>>
    where
        T: Send,
        A: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(&mut A, T) + Send,
    {
        self.to("fold", Location::caller(), Identity, ItemSink::new(Fold::new(value, step)))
    }

    /// Writes each item. The workers format items, and the sink calls `write_all` once for a batch.
    ///
    /// `format` appends to the buffer. If it fails or panics, nothing of the item is written. The
    /// writer is flushed at the end, and needs no `BufWriter`. A failure of the writer ends the
    /// pipeline with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
    ///
    /// ```
    /// # use std::io::Write as _;
    /// # use upbeat_work::Pipeline;
    /// let squares = Pipeline::from_iter(1..4).map(|n| n * n).write(Vec::new(), |n, out| writeln!(out, "{n}")).run()?.output;
    /// assert_eq!(squares, b"1\n4\n9\n");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn write<W, E, F>(self, to: W, format: F) -> Runnable<Assembled<S, L, Format<F>, Written<W>>>
    where
        W: Write + Send,
        E: Into<BoxError>,
        F: for<'b> Fn(<L as StageChain<'b, S::Batch>>::Out, &mut Vec<u8>) -> Result<(), E> + Send + Sync,
    {
        self.to("write", Location::caller(), Format(format), Written(to))
    }

    /// Sends each item through a [`connection`](crate::pipeline::connection()) to another pipeline.
    ///
    /// If the receiving pipeline ends first, this one ends with
    /// [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink). Its source is
    /// [`Disconnected`](crate::pipeline::Disconnected).
    #[track_caller]
    pub fn send_to<T>(self, to: ConnectionSender<T>) -> ToConnections<S, L, T, SingleTarget>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        let sink = ConnectionSink::new([to], SingleTarget, self.control.clone());
        self.to("send_to", Location::caller(), Identity, sink)
    }

    /// Sends each item through one of several [connections](crate::pipeline::connection()).
    ///
    /// `choose` returns the number of the connection, from 0. If there is no connection of that
    /// number, the item has failed. If one of the receiving pipelines ends first, this one ends as
    /// in [`send_to`](Pipeline::send_to).
    #[track_caller]
    pub fn route<T, F>(
        self,
        to: impl IntoIterator<Item = ConnectionSender<T>>,
        choose: F,
    ) -> ToConnections<S, L, T, Route<F>>
    where
        T: Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
        F: FnMut(&T) -> usize + Send,
    {
        let sink = ConnectionSink::new(to, Route(choose), self.control.clone());
        self.to("route", Location::caller(), Identity, sink)
    }

    /// Sends each item through all of several [connections](crate::pipeline::connection()).
    ///
    /// The slowest of the receiving pipelines sets the pace. If one of them ends first, this one
    /// ends as in [`send_to`](Pipeline::send_to). An item whose `clone` panics has failed, and may
    /// have been sent through some of the connections.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, pipeline::connection};
    /// let ((to_sum, sum), (to_max, max)) = (connection(10), connection(10));
    /// let (outcome, max) = Pipeline::from_iter([3, 1, 2])
    ///     .broadcast([to_sum, to_max])
    ///     .and(Pipeline::from_connection(sum).fold(0, |sum, n| *sum += n))
    ///     .and(Pipeline::from_connection(max).fold(0, |max, n| *max = n.max(*max)))
    ///     .run();
    /// let (sent, sum) = outcome;
    /// assert_eq!((sent?.emitted, sum?.output, max?.output), (3, 6, 3));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn broadcast<T>(self, to: impl IntoIterator<Item = ConnectionSender<T>>) -> ToConnections<S, L, T, Broadcast>
    where
        T: Clone + Send,
        L: for<'b> StageChain<'b, S::Batch, Out = T>,
    {
        let sink = ConnectionSink::new(to, Broadcast, self.control.clone());
        self.to("broadcast", Location::caller(), Identity, sink)
    }
}
