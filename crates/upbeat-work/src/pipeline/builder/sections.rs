//! Splits, and asynchronous stages.

use std::{panic::Location, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use upbeat::BoxError;

use super::Pipeline;
use crate::pipeline::{
    async_stage::{AsyncStage, AsyncStageEnd, Links},
    control::StopHandle,
    engine::{Assembled, Engine, EngineConfig},
    meter::LinkFill,
    options::{Concurrency, Section},
    sink::{Identity, SectionSink},
    source::{Front, Source, Split},
    stage::{FirstForwardStage, Forward, StageChain, default_name},
};

/// Sections.
impl<S: Source, L> Pipeline<S, L>
where
    L: for<'b> StageChain<'b, S::Batch>,
{
    /// Makes a section of the stages so far, with its own workers, beside those of later stages.
    ///
    /// Within a section an item goes through all stages on one worker, which is fast. But some
    /// stages need workers of their own: few for stages that wait for one disk, many for stages
    /// that compute, and one for a stage that sees all items in order. A [bounded](Section::buffer)
    /// buffer of batches joins sections. An item that failed keeps its position, its number and its
    /// context through all of them.
    ///
    /// Sections end front to back. The first section heeds a stop that
    /// [finishes](crate::OnStop::Finish), and the others process the items that reach them. If a
    /// section ends early, those before it end too. Behind a split,
    /// [dropped](crate::pipeline::PipelineReport::dropped) items are counted as the items that they
    /// had become.
    ///
    /// Items that borrow from their batch, as lines do, have to be made owned before.
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
        let control = self.control.clone();
        let front = self.section(default_name("split", Location::caller()), &section);
        Pipeline { source: Split::new(front, None), chain: FirstForwardStage, names: Vec::new(), control }
    }

    /// Makes another item of each item, by a future, with a bound on the futures in flight.
    ///
    /// It is for items that wait, such as for a request to another service: one thread drives all
    /// futures. Computation belongs in [`map`](Pipeline::map), which has a thread for each worker.
    /// A panic of a future is a failure of its item alone.
    ///
    /// It is a [section](Pipeline::split). The stages before it are another section, with one
    /// worker; a split before it gives them more. While later stages are slow, the futures in
    /// flight go on, and no more are begun. With the items that wait on both sides, there are at
    /// most seven times as many items as the bound on futures.
    ///
    /// A stop that [drops](crate::OnStop::Drop) drops the futures. Otherwise they are awaited. They
    /// run in the runtime that the pipeline runs in. Without one, in
    /// [`run`](crate::pipeline::Runnable::run) on a plain thread, the pipeline makes a runtime with
    /// timers and sockets.
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
        self.async_stage(default_name("map_async", Location::caller()), concurrency.into(), call)
    }

    /// Makes another item of each item, by a future, or fails.
    ///
    /// An item that fails goes no further, and becomes an
    /// [`ItemFailure`](crate::pipeline::ItemFailure). All else is as in
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
        self.async_stage(default_name("try_map_async", Location::caller()), concurrency.into(), call)
    }

    fn async_stage<'a, T, U, F, Fut>(
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
        // The section in front does not get much further ahead than the futures can.
        let (first, max) = S::SIZE;
        let max = max.min(first.saturating_mul(limit.max));
        let section = Section::new().workers(1).window(2).max_batch(max).buffer(1);
        let control = self.control.clone();
        let Front { from, mut sections, fill: in_front, stop: front } = self.section(name.clone(), &section);
        let (to, received) = mpsc::channel(1);
        let (name, stop) = (Arc::new(Mutex::new(name)), StopHandle::default());
        let behind = Arc::new(LinkFill::new(1));
        sections.push(Arc::new(AsyncStage {
            links: Mutex::new(Some(Links { from, to, in_front, behind: behind.clone() })),
            call,
            limit,
            name: name.clone(),
            control: control.clone(),
            stop: stop.clone(),
            front,
            meter: control.meters().futures(limit.max, behind.clone(), name.clone()),
            ended: Mutex::new(AsyncStageEnd::default()),
        }));
        let front = Front { from: received, sections, fill: behind, stop };
        Pipeline { source: Split::new(front, Some(name)), chain: FirstForwardStage, names: Vec::new(), control }
    }

    /// Makes a section of the stages so far. `end` names its last stage.
    fn section<'a, T>(mut self, end: Arc<str>, section: &Section) -> Front<'a, T>
    where
        S: 'a,
        T: Send + 'a,
        L: for<'b> StageChain<'b, S::Batch, Out = T> + 'a,
    {
        self.names.push(end);
        let Self { mut source, chain, names, control } = self;
        let mut sections = source.take_sections();
        let (to, from) = mpsc::channel(section.buffer);
        let fill = Arc::new(LinkFill::new(section.buffer));
        let chain = Forward { chain, at: names.len() - 1 };
        let sink = SectionSink::new(to, fill.clone(), control.clone());
        let assembled = Assembled::new(source, chain, Identity, sink);
        let config = EngineConfig::of::<S>(section);
        let engine = Engine::of_section(assembled, config, names.into(), control, fill.clone());
        let stop = engine.section_stop();
        sections.push(Arc::new(engine));
        Front { from, sections, fill, stop }
    }
}
