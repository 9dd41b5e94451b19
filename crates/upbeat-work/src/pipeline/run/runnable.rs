//! A pipeline with its sink and its settings.

use std::{fmt, sync::Arc, time::Duration};

use upbeat::diagnostics::Progress;

use crate::pipeline::{
    connection::ConnectionSender,
    control::{Control, Sections, StopHandle},
    engine::{Assembled, Assembly, Engine, EngineConfig},
    meter::Meter,
    options::{ItemPolicy, OnStop, Section},
    outcome::ItemFailure,
    sink::{CallWithFailures, FailureSink as _, Outbox, SendFailures},
    source::Feed as _,
};

/// A pipeline from source to sink, with the settings of its run.
///
/// By default it is ordered, has one worker for each processor and a window of four batches for
/// each worker, and records failures.
#[must_use = "a pipeline does nothing until it runs"]
pub struct Runnable<A> {
    assembly: A,
    /// The names of the stages, and last that of the sink.
    names: Vec<Arc<str>>,
    control: Control,
    settings: RunSettings,
}

#[derive(Debug)]
struct RunSettings {
    section: Section,
    on_stop: OnStop,
    progress: Option<Arc<Progress>>,
}

/// The parts of a run before it starts.
pub(super) struct Prepared<'s, A: Assembly> {
    pub(super) engine: Engine<A>,
    /// The sections before the last one.
    pub(super) sections: Sections<'s>,
    pub(super) control: Control,
}

impl<S, L, P, K> Runnable<Assembled<S, L, P, K>> {
    /// Calls `call` with each failure, instead of keeping the first failures for the report.
    ///
    /// The worker that has the sink calls it, in the order of the items. The error of the pipeline
    /// has a failure that [ends](ItemPolicy::Stop) it. A panic of the closure ends the pipeline
    /// with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
    ///
    /// ```
    /// # use upbeat_work::Pipeline;
    /// let mut wrong = Vec::new();
    /// let numbers = Pipeline::from_iter(["1", "two"])
    ///     .try_map(|text| text.parse::<u8>())
    ///     .collect()
    ///     .failures_to(|failure| wrong.push(failure.item()))
    ///     .run()?;
    /// assert_eq!((numbers.output, wrong), (vec![1], vec![1]));
    /// # Ok::<_, upbeat_work::PipelineError<Vec<u8>>>(())
    /// ```
    pub fn failures_to<F: FnMut(ItemFailure) + Send>(
        self,
        call: F,
    ) -> Runnable<Assembled<S, L, P, K, CallWithFailures<F>>> {
        self.map_assembly(|assembly| {
            assembly.map_failures(|mut kept| CallWithFailures { call, state: std::mem::take(kept.state()) })
        })
    }

    /// Sends failures through a [`connection`](crate::pipeline::connection()), instead of keeping
    /// the first failures for the report.
    ///
    /// The pipeline waits for the receiving pipeline, and ends with it, as in
    /// [`send_to`](crate::Pipeline::send_to). The error of the pipeline has a failure that
    /// [ends](ItemPolicy::Stop) it. A stop that [drops](OnStop::Drop) also drops failures that do
    /// not fit into the connection. They count as failed.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, pipeline::connection};
    /// let (to_log, log) = connection(10);
    /// let numbers = Pipeline::from_iter(["1", "two"]).try_map(|text| text.parse::<u8>()).name("parse").collect();
    /// let (numbers, lines) = numbers
    ///     .send_failures_to(to_log)
    ///     .and(Pipeline::from_connection(log).map(|failure| failure.to_string()).collect())
    ///     .run();
    /// assert_eq!((numbers?.output, lines?.output), (vec![1], vec!["item 1 failed in parse".to_owned()]));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_failures_to(self, to: ConnectionSender<ItemFailure>) -> Runnable<Assembled<S, L, P, K, SendFailures>> {
        let control = self.control.clone();
        self.map_assembly(|assembly| {
            assembly.map_failures(|mut kept| {
                let state = std::mem::take(kept.state());
                SendFailures { to: Outbox::new(to), control, state }
            })
        })
    }
}

impl<A> Runnable<A> {
    pub(crate) fn new(assembly: A, names: Vec<Arc<str>>, control: Control) -> Self {
        let settings = RunSettings { section: Section::new(), on_stop: OnStop::default(), progress: None };
        Self { assembly, names, control, settings }
    }

    fn map_assembly<B>(self, map: impl FnOnce(A) -> B) -> Runnable<B> {
        let Self { assembly, names, control, settings } = self;
        Runnable { assembly: map(assembly), names, control, settings }
    }

    /// Returns a meter that shows the speed of the pipeline, and where its time goes.
    ///
    /// Measuring reads the clock a few times for each batch, which costs about a hundredth of the
    /// work. Without it, and without [`run_in`](Runnable::run_in), nothing is measured.
    #[must_use = "it makes the pipeline measure its work"]
    pub fn meter(&self) -> Meter {
        let meters = self.control.meters();
        meters.watch();
        Meter(meters.clone())
    }

    /// Returns a handle that stops the pipeline while it runs, or before.
    ///
    /// ```
    /// # use upbeat_work::{OnStop, Pipeline};
    /// let numbers = Pipeline::from_iter(0..).collect().workers(1);
    /// numbers.stop_handle().stop(OnStop::Finish);
    /// assert!(numbers.run()?.stopped);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<i32>>>(())
    /// ```
    pub fn stop_handle(&self) -> StopHandle {
        self.control.stop().clone()
    }
}

/// Settings of the run.
impl<A: Assembly> Runnable<A> {
    /// Sets how many batches are worked on at the same time, at least one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.section = self.settings.section.workers(workers);
        self
    }

    /// Emits batches as they are finished, not in the order of the source.
    ///
    /// The items of one batch stay together, and in order.
    pub fn unordered(mut self) -> Self {
        self.settings.section = self.settings.section.unordered();
        self
    }

    /// Bounds the number of batches between source and sink, at least one.
    ///
    /// Together with the size of batches it bounds the memory, whatever the speeds. In an ordered
    /// pipeline a batch that takes long holds back those behind it. The window is how far the
    /// others may go on meanwhile.
    pub fn window(mut self, batches: usize) -> Self {
        self.settings.section = self.settings.section.window(batches);
        self
    }

    /// Bounds the size of a batch. The default is 4,096 items, or 64 KiB of lines.
    ///
    /// The actual size follows from the [time](Runnable::batch_time) that items take. For a source
    /// of lines or blocks the size is in bytes, but a batch has at least one line.
    pub fn max_batch(mut self, size: usize) -> Self {
        self.settings.section = self.settings.section.max_batch(size);
        self
    }

    /// Sets how long the work on a batch takes. The default is 50 µs, enough for sources and sinks
    /// in memory.
    ///
    /// A longer time is better if a batch itself is costly. A source may make system calls while
    /// all workers wait for it, as a walk through directories does, or each write of the sink may
    /// cost much. The price is that a stop takes that much longer, as does the common end of all
    /// workers.
    ///
    /// An iterator counts as slow if it takes longer than a fifth of this time for an item. Items
    /// of a faster iterator may wait for a batch to fill.
    pub fn batch_time(mut self, time: Duration) -> Self {
        self.settings.section = self.settings.section.batch_time(time);
        self
    }

    /// Sets the effect of an item that fails on the other items.
    pub fn on_failure(mut self, policy: ItemPolicy) -> Self {
        self.assembly.failures().state().policy = policy;
        self
    }

    /// Sets the effect of a stop on the items in flight, if the context of
    /// [`run_in`](Runnable::run_in) requests the stop.
    pub fn on_stop(mut self, how: OnStop) -> Self {
        self.settings.on_stop = how;
        self
    }

    /// Counts the items of the source, or lines, that have passed the sink, batch by batch.
    ///
    /// Behind a [split](crate::Pipeline::split) it counts the items that they have become.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.settings.progress = Some(progress);
        self
    }

    /// Names the sink, for failures and meters.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.names.last_mut() {
            *last = name.into();
        }
        self
    }

    pub(super) fn stop_policy(&self) -> OnStop {
        self.settings.on_stop
    }

    pub(super) fn prepare<'s>(self) -> Prepared<'s, A>
    where
        A: 's,
    {
        let Self { mut assembly, names, control, settings } = self;
        assembly.failures().state().name = names.last().cloned();
        let sections = assembly.source().take_sections();
        let config = EngineConfig::of::<A::Source>(&settings.section);
        let engine = Engine::new(assembly, config, names.into(), control.clone(), settings.progress);
        Prepared { engine, sections, control }
    }
}

impl<A> fmt::Debug for Runnable<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable")
            .field("stages", &self.names)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
