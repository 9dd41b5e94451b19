//! Splits, and what runs as a section of its own.

use std::{marker::PhantomData, panic::Location, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    async_stage::{AsyncStage, Links},
    control::StopHandle,
    engine::{Engine, EngineConfig, FusedStages, SinkEnd},
    meter::LinkFill,
    options::{Concurrency, Section},
    sink::{Identity, KeepFailures, SectionSink},
    source::{Front, Source, Split},
    stage::{FirstForwardStage, Forward, StageChain, default_name},
};

/// Sections.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    /// Makes a section of the stages so far, with workers of its own, beside those of the stages behind.
    ///
    /// Within a section an item goes through all stages on one worker, which is fast; but stages that differ may need workers that do: few for what waits for one disk,
    /// many for what computes, and one for what is to see all items in order. Sections are joined by a [bounded](Section::buffer) channel of batches. An item that
    /// failed keeps its place, its number and its context through all of them.
    ///
    /// They end front to back: a stop that [finishes](crate::OnStop::Finish) is heeded by the first, the others finish what comes to them. When one ends
    /// early, those before it end too. Behind a split, what is [dropped](crate::pipeline::PipelineReport::dropped) is counted as the items that it had become.
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
    pub fn split<'a, T>(self, section: Section) -> Pipeline<Split<'a, T>, FirstForwardStage>
    where
        S: 'a,
        T: Send + 'a,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
    {
        let run = self.run.clone();
        let front = self.section(default_name("split", Location::caller()), &section);
        Pipeline { source: Split::new(front, None), line: FirstForwardStage, stages: Vec::new(), run }
    }

    /// Makes something else of each item, by a future: of so many items at once as this says.
    ///
    /// For what waits, such as a request to another service: one thread drives all of the futures. What computes belongs into [`map`](Pipeline::map), which has a thread
    /// for each worker. A future that panics is a failure of its item alone.
    ///
    /// It is a [section](Pipeline::split) of its own. The stages before it are another, with one worker; a split before it gives them more. While the stages behind
    /// it are slow the futures that are under way go on, and no more are begun. With what waits in front of them and behind there are at most seven times as many items as
    /// there may be futures.
    ///
    /// A stop that [drops](crate::OnStop::Drop) drops the futures; otherwise they are awaited. They run in the runtime that the pipeline runs in. Without
    /// one ([`run`](crate::pipeline::Runnable::run) on a plain thread) there is one of its own, with timers and sockets.
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// # use std::time::Duration;
    /// let report = Pipeline::from_iter(1..=100_u64)
    ///     .map_async(50, async |n| {
    ///         tokio::time::sleep(Duration::from_millis(n % 7)).await;
    ///         n * n
    ///     })
    ///     .collect()
    ///     .run()?;
    /// assert!(report.output.into_iter().eq((1..=100).map(|n| n * n)));
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u64>>>(())
    /// ```
    #[track_caller]
    pub fn map_async<'a, T, U, F, Fut>(
        self,
        concurrency: impl Into<Concurrency>,
        f: F,
    ) -> Pipeline<Split<'a, U>, FirstForwardStage>
    where
        S: 'a,
        T: Send + 'a,
        U: Send + 'a,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
        F: Fn(T) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = U> + Send,
    {
        let call = move |item| {
            let made = f(item);
            async { Ok(made.await) }
        };
        self.concurrent(default_name("map_async", Location::caller()), concurrency.into(), call)
    }

    /// Makes something else of each item, by a future, or fails: then the item goes no further, and a [`ItemFailure`](crate::pipeline::ItemFailure) says so. In all else as
    /// [`map_async`](Pipeline::map_async).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let parse = async |text: &str| text.parse::<u8>();
    /// let report = Pipeline::from_iter(["1", "two", "3"]).try_map_async(2, parse).name("parse").collect().run()?;
    /// assert_eq!(report.output, [1, 3]);
    /// assert_eq!(report.failures[0].to_string(), "item 1 failed in parse");
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    #[track_caller]
    pub fn try_map_async<'a, T, U, E, F, Fut>(
        self,
        concurrency: impl Into<Concurrency>,
        f: F,
    ) -> Pipeline<Split<'a, U>, FirstForwardStage>
    where
        S: 'a,
        T: Send + 'a,
        U: Send + 'a,
        E: Into<BoxError>,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
        F: Fn(T) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = Result<U, E>> + Send,
    {
        let call = move |item| {
            let made = f(item);
            async { made.await.map_err(Into::into) }
        };
        self.concurrent(default_name("try_map_async", Location::caller()), concurrency.into(), call)
    }

    fn concurrent<'a, T, U, F, Fut>(
        self,
        name: Arc<str>,
        limit: Concurrency,
        call: F,
    ) -> Pipeline<Split<'a, U>, FirstForwardStage>
    where
        S: 'a,
        T: Send + 'a,
        U: Send + 'a,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
        F: Fn(T) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = Result<U, BoxError>> + Send,
    {
        // Not much further ahead than the futures can be.
        let (first, most) = S::SIZE;
        let most = most.min(first.saturating_mul(limit.most));
        let section = Section::new().workers(1).window(2).max_batch(most).buffer(1);
        let run = self.run.clone();
        let Front { from, mut sections, fill, over: front } = self.section(name.clone(), &section);
        let (to, behind) = mpsc::channel(1);
        let (name, over) = (Arc::new(Mutex::new(name)), StopHandle::default());
        let joint = Arc::new(LinkFill::new(1));
        sections.push(Arc::new(AsyncStage {
            joints: Mutex::new(Some(Links { from, to, behind: joint.clone(), in_front: fill })),
            call,
            limit,
            name: name.clone(),
            run: run.clone(),
            over: over.clone(),
            front,
            meter: run.registry().futures(limit.most, joint.clone(), name.clone()),
            ended: Mutex::default(),
        }));
        let front = Front { from: behind, sections, fill: joint, over };
        Pipeline { source: Split::new(front, Some(name)), line: FirstForwardStage, stages: Vec::new(), run }
    }

    /// The stages so far as a section.
    fn section<'a, T>(mut self, end: Arc<str>, section: &Section) -> Front<'a, T>
    where
        S: 'a,
        T: Send + 'a,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
    {
        self.stages.push(end);
        let Self { mut source, line, stages, run } = self;
        let mut sections = source.take_sections();
        let (to, from) = mpsc::channel(section.joint);
        let fill = Arc::new(LinkFill::new(section.joint));
        let how = EngineConfig::of::<S>(section);
        let (at, stages) = (stages.len() - 1, Arc::from(stages));
        let meter = run.registry().fused(how.workers, how.window, Some(fill.clone()), Arc::clone(&stages));
        let plan = FusedStages {
            line: Forward { line, at },
            pack: Identity,
            stages,
            run: run.clone(),
            meter: meter.clone(),
            is_last: false,
            progress: None,
            of: PhantomData,
        };
        let exit = SinkEnd { sink: SectionSink::new(to, fill.clone(), run.clone()), failures: KeepFailures::default() };
        let engine = Engine::new(plan, source, exit, how, &run, meter);
        let over = engine.over();
        sections.push(Arc::new(engine));
        Front { from, sections, fill, over }
    }
}
