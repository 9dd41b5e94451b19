//! The sources.

use std::{io::Read, sync::mpsc};

use futures_core::Stream;
use tokio::sync::mpsc as channel;

use super::Pipeline;
use crate::pipeline::{
    connection::ConnectionReceiver,
    source::{Blocks, Channel, Connected, Groups, Items, Lines, Received, Streamed},
    stage::{FirstBlockStage, FirstLineStage, FirstStage},
};

impl<I: Iterator<Item: Send> + Send> Pipeline<Items<I>, FirstStage> {
    /// Takes the items of an iterator, which one worker at a time calls.
    ///
    /// While the iterator takes more than about 10 µs for an item, each item goes on at once. But
    /// an iterator cannot tell whether its next item is there. If an iterator that was fast, for 64
    /// items in a row or more, suddenly blocks, the items of an unfinished batch wait for its next
    /// item. For items that arrive in bursts use [`from_channel`](Pipeline::from_channel).
    ///
    /// A panic of the iterator is a failure of the
    /// [source](crate::pipeline::PipelineFailure::Source).
    #[expect(clippy::should_implement_trait, reason = "a pipeline is not a collection")]
    pub fn from_iter(items: impl IntoIterator<IntoIter = I>) -> Self {
        Self::new(Items::new(items.into_iter()), FirstStage)
    }

    /// Makes one item of each `n` items of the source, at least one. The last group may be shorter.
    ///
    /// It comes before all stages: results of stages that run in parallel have no neighbors to be
    /// grouped with. A group waits until it is full.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let groups = Pipeline::from_iter(0..5).batch(2).collect().run()?.output;
    /// assert_eq!(groups, [vec![0, 1], vec![2, 3], vec![4]]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<Vec<i32>>>>(())
    /// ```
    pub fn batch(self, n: usize) -> Pipeline<Items<Groups<I>>, FirstStage> {
        Pipeline {
            source: self.source.map(|items| Groups::new(items, n)),
            chain: FirstStage,
            names: self.names,
            control: self.control,
        }
    }
}

impl<T: Send, F: FnMut() -> Option<T> + Send> Pipeline<Items<std::iter::FromFn<F>>, FirstStage> {
    /// Takes the items that a closure returns, until it returns `None`.
    ///
    /// All else is as in [`from_iter`](Pipeline::from_iter).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let mut n = 0;
    /// let countdown = Pipeline::generate(|| { n += 1; (n < 4).then(|| 4 - n) });
    /// assert_eq!(countdown.collect().run()?.output, [3, 2, 1]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<i32>>>(())
    /// ```
    pub fn generate(next: F) -> Self {
        Self::from_iter(std::iter::from_fn(next))
    }
}

impl<T: Send> Pipeline<Received<T>, FirstStage> {
    /// Takes the items of a channel of the standard library, until its senders are dropped.
    ///
    /// An item never waits for another one: a batch has the items at hand.
    ///
    /// While the channel is idle, a stop is noticed within 50 ms. Items in the channel then go
    /// through too ([`OnStop::Finish`](crate::OnStop::Finish)). But the receiver cannot close such
    /// a channel: an item that is sent at that moment may be lost. Stop the producers first, or use
    /// [`from_channel`](Pipeline::from_channel).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let (orders, incoming) = std::sync::mpsc::sync_channel(100);
    /// let shop = std::thread::spawn(|| Pipeline::from_receiver(incoming).map(|order: u32| order * 2).collect().run());
    /// orders.send(21)?;
    /// drop(orders);
    /// assert_eq!(shop.join().expect("it does not panic")?.output, [42]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_receiver(from: mpsc::Receiver<T>) -> Self {
        Self::new(Received::new(from), FirstStage)
    }
}

impl<T: Send> Pipeline<Channel<T>, FirstStage> {
    /// Takes the items of a tokio channel, until its senders are dropped.
    ///
    /// An item never waits for another one: a batch has the items at hand.
    ///
    /// A stop closes the channel, which then accepts nothing more. Accepted items go through
    /// ([`OnStop::Finish`](crate::OnStop::Finish)) or are
    /// [counted](crate::pipeline::PipelineReport::dropped). Nothing is lost without a trace, and an
    /// idle channel does not delay a stop.
    ///
    /// ```
    /// # use upbeat_work::{OnStop, Pipeline};
    /// let (orders, incoming) = tokio::sync::mpsc::channel(100);
    /// let shop = Pipeline::from_channel(incoming).map(|order: u32| order * 2).collect();
    /// orders.try_send(21)?;
    /// // Producers that stop first drop `orders`; these do not.
    /// shop.stop_handle().stop(OnStop::Finish);
    /// assert_eq!(shop.run()?.output, [42]);
    /// assert!(orders.try_send(22).is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_channel(from: channel::Receiver<T>) -> Self {
        Self::new(Channel::new(from), FirstStage)
    }
}

impl<T: Send> Pipeline<Connected<T>, FirstStage> {
    /// Takes the items that other pipelines send through a
    /// [`connection`](crate::pipeline::connection()), until all of them have ended.
    ///
    /// It does not heed a stop that [finishes](crate::OnStop::Finish): the sending pipelines do,
    /// and it ends when they have ended. A stop that [drops](crate::OnStop::Drop) ends it at once.
    pub fn from_connection(from: ConnectionReceiver<T>) -> Self {
        Self::new(Connected::new(from), FirstStage)
    }
}

impl<S: Stream<Item: Send> + Send> Pipeline<Streamed<S>, FirstStage> {
    /// Takes the items of an asynchronous stream.
    ///
    /// An item never waits for another one: a batch has the items that are ready.
    ///
    /// After a stop it is not polled again, and the wait for it ends. The stream runs in the
    /// runtime that the pipeline runs in. Without one, in [`run`](crate::pipeline::Runnable::run)
    /// on a plain thread, the pipeline makes a runtime with timers and sockets. A panic of the
    /// stream is a failure of the [source](crate::pipeline::PipelineFailure::Source).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let numbers = futures_util::stream::iter(1..=3);
    /// assert_eq!(Pipeline::from_stream(numbers).map(|n| n * n).collect().run()?.output, [1, 4, 9]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<i32>>>(())
    /// ```
    pub fn from_stream(from: S) -> Self {
        Self::new(Streamed::new(from), FirstStage)
    }
}

impl<R: Read + Send> Pipeline<Lines<R>, FirstLineStage> {
    /// Takes the lines of a reader as `&[u8]`, without their ends (`\n` or `\r\n`).
    ///
    /// Stages borrow lines from the batch: nothing is allocated or copied for a line. The reader
    /// needs no `BufReader`: reads are of up to 64 KiB. The bytes of a read are not held back for
    /// more. A line is held in memory whole, whatever its length.
    ///
    /// An error of the reader ends the pipeline after the whole lines before it have come out.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let lengths = Pipeline::lines(&b"name\nada\ngrace\n"[..]).skip_lines(1).map(|line| line.len()).collect().run()?.output;
    /// assert_eq!(lengths, [3, 5]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<usize>>>(())
    /// ```
    pub fn lines(read: R) -> Self {
        Self::new(Lines::new(read), FirstLineStage)
    }
}

impl<R, L> Pipeline<Lines<R>, L> {
    /// Skips the first `n` lines, such as a header. The other lines keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}

impl<R: Read + Send> Pipeline<Blocks<R>, FirstBlockStage> {
    /// Takes the bytes of a reader in blocks of whole lines as `&[u8]`, with the ends of lines.
    ///
    /// Each block is one item, for code that is fastest on many lines at once. A block ends at the
    /// end of some line, and has up to 64 KiB, or more if a line is longer. A block fails as a
    /// whole. All else is as in [`lines`](Pipeline::lines).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let count = |block: &[u8]| block.iter().filter(|&&byte| byte == b'\n').count();
    /// let lines = Pipeline::blocks(&b"a\nb\nc\n"[..]).map(count).fold(0, |sum, n| *sum += n).run()?.output;
    /// assert_eq!(lines, 3);
    /// # Ok::<_, upbeat_work::PipelineError<usize>>(())
    /// ```
    pub fn blocks(read: R) -> Self {
        Self::new(Blocks::new(read), FirstBlockStage)
    }
}

impl<R, L> Pipeline<Blocks<R>, L> {
    /// Skips the first `n` lines, such as a header. The other lines keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}
