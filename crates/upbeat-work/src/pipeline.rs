//! The builder: from the source to the sink.

use std::{
    fmt,
    io::{Read, Write},
    marker::PhantomData,
    panic::Location,
    sync::{Arc, mpsc},
};

use futures_core::Stream;
use tokio::sync::mpsc as channel;
use upbeat::BoxError;

use crate::{
    Runnable, Section,
    engine::{Engine, How},
    fused::{Fused, Outlet},
    run::Run,
    sink::{Collect, Each, Fold, ForEach, Format, Forward, Keep, TryForEach, Whole, Written},
    source::{Blocks, Channel, Groups, Items, Lines, Received, Source, Split, Streamed},
    stage::{
        BlockHead, Filter, FlatMap, Head, Inspect, Label, Line, LineHead, Map, PassAlong, Relay, RelayHead, Staged,
        TryMap,
    },
};

/// What is done with the items of a source, stage by stage, up to the sink.
///
/// It reads the way that items go: a source, stages, a sink. The sink makes it a [`Runnable`], which says how it runs.
///
/// ```
/// use upbeat_work::Pipeline;
///
/// let report = Pipeline::from_iter(1..=1_000_u64)
///     .filter(|n| n % 3 == 0)
///     .map(|n| n * n)
///     .fold(0, |sum, square| *sum += square)
///     .run()?;
/// assert_eq!(report.output, 111_277_611);
/// # Ok::<_, upbeat_work::PipelineError<u64>>(())
/// ```
pub struct Pipeline<S, L> {
    pub(crate) source: S,
    pub(crate) line: L,
    /// The names of the stages.
    pub(crate) stages: Vec<Arc<str>>,
    pub(crate) run: Run,
}

impl<I: Iterator<Item: Send> + Send> Pipeline<Items<I>, Head> {
    /// The items of an iterator. It is asked by one worker at a time, each time maybe by another.
    ///
    /// The iterator may be slow: as long as it takes more than some 10 µs an item, each item goes on its way at once. But an iterator cannot be asked
    /// whether its next item is there. When one that was fast (64 items in a row, or more) suddenly blocks, what it gave of a batch
    /// waits for its next item. For items that come from elsewhere, in bursts, there is [`from_channel`](Pipeline::from_channel).
    ///
    /// A panic of the iterator is a failure of the [source](crate::Cause::Source).
    #[expect(clippy::should_implement_trait, reason = "a pipeline is not a collection")]
    pub fn from_iter(items: impl IntoIterator<IntoIter = I>) -> Self {
        Self { source: Items::new(items.into_iter()), line: Head, stages: Vec::new(), run: Run::default() }
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
    pub fn batch(self, n: usize) -> Pipeline<Items<Groups<I>>, Head> {
        Pipeline {
            source: self.source.map(|items| Groups::new(items, n)),
            line: Head,
            stages: self.stages,
            run: self.run,
        }
    }
}

impl<T: Send, F: FnMut() -> Option<T> + Send> Pipeline<Items<std::iter::FromFn<F>>, Head> {
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

impl<T: Send> Pipeline<Received<T>, Head> {
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
        Self { source: Received::new(from), line: Head, stages: Vec::new(), run: Run::default() }
    }
}

impl<T: Send> Pipeline<Channel<T>, Head> {
    /// What comes out of a channel of tokio, until its senders are gone. An item never waits for another one: a batch is what is there.
    ///
    /// A stop closes the channel: from then on it accepts nothing. What it had accepted goes through
    /// ([`OnStop::Finish`](crate::OnStop::Finish)) or is [counted](crate::Report::dropped), so nothing is lost unseen, and an idle channel does not delay a stop.
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
        Self { source: Channel::new(from), line: Head, stages: Vec::new(), run: Run::default() }
    }
}

impl<S: Stream<Item: Send> + Send> Pipeline<Streamed<S>, Head> {
    /// The items of an asynchronous stream. An item never waits for another one: a batch is what is ready.
    ///
    /// A stop asks it for nothing more, also while it is waited for. What drives it is the runtime that the pipeline runs in; without one ([`run`](Runnable::run) on a plain
    /// thread) it has one of its own, with timers and sockets. A panic of the stream is a failure of the [source](crate::Cause::Source).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let numbers = futures_util::stream::iter(1..=3);
    /// assert_eq!(Pipeline::from_stream(numbers).map(|n| n * n).collect().run()?.output, [1, 4, 9]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<i32>>>(())
    /// ```
    pub fn from_stream(from: S) -> Self {
        Self { source: Streamed::new(from), line: Head, stages: Vec::new(), run: Run::default() }
    }
}

impl<R: Read + Send> Pipeline<Lines<R>, LineHead> {
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
        Self { source: Lines::new(read), line: LineHead, stages: Vec::new(), run: Run::default() }
    }
}

impl<R, L> Pipeline<Lines<R>, L> {
    /// Leaves the first lines out, such as a header. The others keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}

impl<R: Read + Send> Pipeline<Blocks<R>, BlockHead> {
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
        Self { source: Blocks::new(read), line: BlockHead, stages: Vec::new(), run: Run::default() }
    }
}

impl<R, L> Pipeline<Blocks<R>, L> {
    /// Leaves the first lines out, such as a header. The others keep their numbers.
    pub fn skip_lines(mut self, n: u64) -> Self {
        self.source.skip(n);
        self
    }
}

/// Stages. Their closures are shared by the workers, so they are `Fn`; what they capture may be borrowed for [`run`](Runnable::run).
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> Line<'b, S::Batch>,
{
    fn stage<K>(mut self, kind: &str, at: &Location<'_>, stage: K) -> Pipeline<S, Staged<L, K>> {
        self.stages.push(default_name(kind, at));
        let at = self.stages.len() - 1;
        let line = Staged { line: self.line, stage, at };
        Pipeline { source: self.source, line, stages: self.stages, run: self.run }
    }

    /// Makes something else of each item.
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> Pipeline<S, Staged<L, Map<F>>>
    where
        F: for<'b> Fn(<L as Line<'b, S::Batch>>::Out) -> U + Send + Sync,
    {
        self.stage("map", Location::caller(), Map(f))
    }

    /// Makes something else of each item, or fails: then the item goes no further, and a [`Failure`](crate::Failure) says so.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let report = Pipeline::from_iter(["1", "two", "3"]).try_map(|text| text.parse::<u8>()).name("parse").collect().run()?;
    /// assert_eq!(report.output, [1, 3]);
    /// assert_eq!(report.failures[0].to_string(), "item 1 failed in parse");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn try_map<U, E, F>(self, f: F) -> Pipeline<S, Staged<L, TryMap<F>>>
    where
        E: Into<BoxError>,
        F: for<'b> Fn(<L as Line<'b, S::Batch>>::Out) -> Result<U, E> + Send + Sync,
    {
        self.stage("try_map", Location::caller(), TryMap(f))
    }

    /// Keeps the items that it says `true` of.
    #[track_caller]
    pub fn filter<F>(self, keep: F) -> Pipeline<S, Staged<L, Filter<F>>>
    where
        F: for<'b> Fn(&<L as Line<'b, S::Batch>>::Out) -> bool + Send + Sync,
    {
        self.stage("filter", Location::caller(), Filter(keep))
    }

    /// Makes any number of items of each, in its place; an `Option` is none or one.
    ///
    /// When one of them fails further on the others still come; when making them panics, those that were made have gone on.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let words = Pipeline::from_iter(["to be", "or not"]).flat_map(|text| text.split(' ')).collect().run()?.output;
    /// assert_eq!(words, ["to", "be", "or", "not"]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<&str>>>(())
    /// ```
    #[track_caller]
    pub fn flat_map<I, F>(self, f: F) -> Pipeline<S, Staged<L, FlatMap<F>>>
    where
        I: IntoIterator,
        F: for<'b> Fn(<L as Line<'b, S::Batch>>::Out) -> I + Send + Sync,
    {
        self.stage("flat_map", Location::caller(), FlatMap(f))
    }

    /// Looks at each item. In an ordered pipeline the workers still look at them in any order.
    #[track_caller]
    pub fn inspect<F>(self, look: F) -> Pipeline<S, Staged<L, Inspect<F>>>
    where
        F: for<'b> Fn(&<L as Line<'b, S::Batch>>::Out) + Send + Sync,
    {
        self.stage("inspect", Location::caller(), Inspect(look))
    }

    /// Keeps what an item says of itself, such as its key or the file it is from, so that a [`Failure`](crate::Failure) of it behind this stage
    /// can [say it](crate::Failure::context).
    ///
    /// It is made for each item and shown only for those that fail. No memory is allocated for it, but for failures.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let orders = [(17, "3"), (18, "x")];
    /// let report = Pipeline::from_iter(orders).context(|(id, _)| *id).try_map(|(_, n)| n.parse::<u8>()).name("parse").collect().run()?;
    /// assert_eq!(report.failures[0].to_string(), "item 1 failed in parse (18)");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn context<C, F>(self, of: F) -> Pipeline<S, Staged<L, Label<F>>>
    where
        C: fmt::Display + Send + Sync + 'static,
        F: for<'b> Fn(&<L as Line<'b, S::Batch>>::Out) -> C + Send + Sync,
    {
        self.stage("context", Location::caller(), Label(of))
    }

    /// Makes items of the failures of all stages so far: what comes behind gets a `Result`, each failure in its item's place.
    ///
    /// They are no longer recorded, and do not stop the pipeline. Failures of the stages behind are; so they are if a stage behind panics on
    /// a failure.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let read = Pipeline::from_iter(["1", "two"]).try_map(|text| text.parse::<u8>()).pass_along().map(|n| n.map_or(0, |n| n + 1));
    /// assert_eq!(read.collect().run()?.output, [2, 0]);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn pass_along(mut self) -> Pipeline<S, PassAlong<L>> {
        self.stages.push(default_name("pass_along", Location::caller()));
        let at = self.stages.len() - 1;
        let line = PassAlong { line: self.line, at };
        Pipeline { source: self.source, line, stages: self.stages, run: self.run }
    }

    /// Makes a section of the stages so far, with workers of its own, beside those of the stages behind.
    ///
    /// Within a section an item goes through all stages on one worker, which is fast; but stages that differ may need workers that do: few for what waits for one disk,
    /// many for what computes, and one for what is to see all items in order. Sections are joined by a [bounded](Section::joint) channel of batches. An item that
    /// failed keeps its place, its number and its context through all of them.
    ///
    /// They end front to back: a stop that [finishes](crate::OnStop::Finish) is heeded by the first, the others finish what comes to them. When one ends
    /// early, those before it end too. Behind a split, what is [dropped](crate::Report::dropped) is counted as the items that it had become.
    ///
    /// Items that borrow from their batch, as lines do, must be made owned before.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, Section};
    /// let mut last = 0;
    /// let report = Pipeline::from_iter(1..=1_000)
    ///     .map(|n| n * 2) // on four workers
    ///     .split(Section::new().workers(4))
    ///     .inspect(|n| assert!(n % 2 == 0)) // on one
    ///     .for_each(|n| last = n)
    ///     .workers(1)
    ///     .run()?;
    /// assert_eq!((report.emitted, last), (1_000, 2_000));
    /// # Ok::<_, upbeat_work::PipelineError<()>>(())
    /// ```
    #[track_caller]
    pub fn split<'a, T>(mut self, section: Section) -> Pipeline<Split<'a, T>, RelayHead>
    where
        S: 'a,
        T: Send + 'a,
        L: for<'b> Line<'b, S::Batch, Out = T> + 'a,
    {
        self.stages.push(default_name("split", Location::caller()));
        let Self { mut source, line, stages, run } = self;
        let mut segments = source.take_segments();
        let (to, from) = channel::channel(section.joint);
        let plan = Fused {
            line: Relay { line, at: stages.len() - 1 },
            pack: Whole,
            stages: stages.into(),
            run: run.clone(),
            is_last: false,
            progress: None,
            of: PhantomData,
        };
        let outlet = Outlet { sink: Forward::new(to, run.clone()), failures: Keep::default() };
        let engine = Engine::new(plan, source, outlet, How::of::<S>(&section), &run);
        let front = engine.over();
        segments.push(Arc::new(engine));
        Pipeline { source: Split::new(from, segments, front), line: RelayHead, stages: Vec::new(), run }
    }

    /// Names the stage before it, for failures. Without a name it is what it is and where it was added, such as `map at src/main.rs:12`.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.stages.last_mut() {
            *last = name.into();
        }
        self
    }
}

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

pub(crate) fn default_name(kind: &str, at: &Location<'_>) -> Arc<str> {
    format!("{kind} at {}:{}", at.file(), at.line()).into()
}

impl<S: fmt::Debug, L> fmt::Debug for Pipeline<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("source", &self.source).field("stages", &self.stages).finish_non_exhaustive()
    }
}
