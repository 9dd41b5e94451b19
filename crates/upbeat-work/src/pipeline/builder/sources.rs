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
    /// The items of an iterator. It is asked by one worker at a time, each time maybe by another.
    ///
    /// The iterator may be slow: as long as it takes more than some 10 µs an item, each item goes on its way at once. But an iterator cannot be asked
    /// whether its next item is there. When one that was fast (64 items in a row, or more) suddenly blocks, what it gave of a batch
    /// waits for its next item. For items that come from elsewhere, in bursts, there is [`from_channel`](Pipeline::from_channel).
    ///
    /// A panic of the iterator is a failure of the [source](crate::pipeline::PipelineFailure::Source).
    #[expect(clippy::should_implement_trait, reason = "a pipeline is not a collection")]
    pub fn from_iter(items: impl IntoIterator<IntoIter = I>) -> Self {
        Self::new(Items::new(items.into_iter()), FirstStage)
    }

    /// Groups of exactly `n` items of the source, the last one maybe shorter; each is one item for the stages. At least one.
    ///
    /// It stands before all stages: what comes out of stages that run side by side has no neighbours to be grouped with. A
    /// group waits until it is full.
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
            line: FirstStage,
            stages: self.stages,
            run: self.run,
        }
    }
}

impl<T: Send, F: FnMut() -> Option<T> + Send> Pipeline<Items<std::iter::FromFn<F>>, FirstStage> {
    /// What a closure makes, until it makes `None`. As [`from_iter`](Pipeline::from_iter) in all else.
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
    /// What comes out of a channel of the standard library, until its senders are gone. An item never waits for another one: a batch is what is there.
    ///
    /// A stop is seen within 50 ms while the channel is idle. What lies in it then goes through too ([`OnStop::Finish`](crate::OnStop::Finish)). But such a channel cannot be closed from
    /// this side: what is sent at that moment may be lost. Let producers stop first, or use [`from_channel`](Pipeline::from_channel).
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
    /// What comes out of a channel of tokio, until its senders are gone. An item never waits for another one: a batch is what is there.
    ///
    /// A stop closes the channel: from then on it accepts nothing. What it had accepted goes through
    /// ([`OnStop::Finish`](crate::OnStop::Finish)) or is [counted](crate::pipeline::PipelineReport::dropped), so nothing is lost unseen, and an idle channel does not delay a stop.
    ///
    /// ```
    /// # use upbeat_work::{OnStop, Pipeline};
    /// let (orders, incoming) = tokio::sync::mpsc::channel(100);
    /// let shop = Pipeline::from_channel(incoming).map(|order: u32| order * 2).collect();
    /// orders.try_send(21)?;
    /// // Producers that are asked to stop first would drop `orders`; these do not.
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
    /// What other pipelines send through a [`connection`](crate::pipeline::connection()), until all of them have ended.
    ///
    /// It heeds no stop that [finishes](crate::OnStop::Finish): those in front do, and it ends when they have. One that [drops](crate::OnStop::Drop) ends it at once.
    pub fn from_connection(from: ConnectionReceiver<T>) -> Self {
        Self::new(Connected::new(from), FirstStage)
    }
}

impl<S: Stream<Item: Send> + Send> Pipeline<Streamed<S>, FirstStage> {
    /// The items of an asynchronous stream. An item never waits for another one: a batch is what is ready.
    ///
    /// A stop asks it for nothing more, also while it is waited for. What drives it is the runtime that the pipeline runs in; without one ([`run`](crate::pipeline::Runnable::run) on a plain
    /// thread) it has one of its own, with timers and sockets. A panic of the stream is a failure of the [source](crate::pipeline::PipelineFailure::Source).
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
    /// The lines of a reader as `&[u8]`, without their ends (`\n` or `\r\n`). Stages borrow them from the batch: nothing is allocated or copied per line.
    ///
    /// It needs no `BufReader`: it reads by up to 64 KiB. What a read brought is not held back for more. A line is held in memory whole,
    /// however long it is. An error of the reader ends the pipeline once the whole lines before it have come out.
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
    /// Leaves the first lines out, such as a header. The others keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}

impl<R: Read + Send> Pipeline<Blocks<R>, FirstBlockStage> {
    /// A reader's bytes in blocks of whole lines as `&[u8]`, ends of lines included: each block is one item. For code that is fastest on many lines at once.
    ///
    /// Where blocks end is not defined but by the ends of lines; they have up to 64 KiB, more if a line is longer. A block that fails or
    /// panics does so whole. In all else as [`lines`](Pipeline::lines).
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
    /// Leaves the first lines out, such as a header. The others keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}
