//! A pipeline with its sink, and how it runs.

use std::{fmt, sync::Arc, time::Duration};

use upbeat::diagnostics::Progress;

use crate::pipeline::{
    connection::ConnectionSender,
    control::{Control, StopHandle},
    meter::Meter,
    options::{ItemPolicy, OnStop, Section},
    outcome::ItemFailure,
    sink::{CallWithFailures, FailureSink, KeepFailures, Outbox, SendFailures, SinkState},
};

/// A pipeline from source to sink, and how it is to run.
///
/// Without any setting: ordered, a worker per processor, four batches in the window for each, failures recorded.
pub struct Runnable<S, L, P, K, H = KeepFailures> {
    pub(super) source: S,
    pub(super) line: L,
    /// The names of the stages, and of the sink.
    pub(super) stages: Vec<Arc<str>>,
    pub(super) run: Control,
    pub(super) pack: P,
    pub(super) sink: K,
    pub(super) failures: H,
    pub(super) settings: RunSettings,
}

#[derive(Debug)]
pub(super) struct RunSettings {
    pub(super) section: Section,
    pub(super) on_stop: OnStop,
    pub(super) progress: Option<Arc<Progress>>,
}

impl<S, L, P, K> Runnable<S, L, P, K> {
    pub(crate) fn new(source: S, line: L, stages: Vec<Arc<str>>, run: Control, pack: P, sink: K) -> Self {
        let settings = RunSettings { section: Section::new(), on_stop: OnStop::default(), progress: None };
        Self { source, line, stages, run, pack, sink, failures: KeepFailures::default(), settings }
    }

    /// Hands each failure to a closure instead of keeping the first ones for the report: in order with the items, by the worker that has the sink.
    ///
    /// A failure that [ends](ItemPolicy::Stop) the pipeline is in its error instead. A panic of the closure ends it with [`PipelineFailure::Sink`](crate::pipeline::PipelineFailure::Sink).
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
    pub fn failures_to<F: FnMut(ItemFailure) + Send>(self, to: F) -> Runnable<S, L, P, K, CallWithFailures<F>> {
        self.with_failures(|state, _| CallWithFailures { to, state })
    }

    /// Sends failures through a [`connection`](crate::pipeline::connection()) to another pipeline instead of keeping the first ones for the report.
    ///
    /// It waits for that pipeline, and ends with it, as a sink that [sends](crate::Pipeline::send_to) does. A failure that [ends](ItemPolicy::Stop) the pipeline is in
    /// its error instead. A stop that [drops](OnStop::Drop) does so with failures for which there is no room; they count as failed.
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
    pub fn send_failures_to(self, to: ConnectionSender<ItemFailure>) -> Runnable<S, L, P, K, SendFailures> {
        self.with_failures(|state, run| SendFailures { to: Outbox::new(to), run: run.clone(), state })
    }

    fn with_failures<H>(self, make: impl FnOnce(SinkState, &Control) -> H) -> Runnable<S, L, P, K, H> {
        let Self { source, line, stages, run, pack, sink, mut failures, settings } = self;
        let failures = make(std::mem::take(failures.state()), &run);
        Runnable { source, line, stages, run, pack, sink, failures, settings }
    }
}

/// How it runs.
impl<S, L, P, K, H: FailureSink> Runnable<S, L, P, K, H> {
    /// How many batches are worked on at the same time, at least one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.section = self.settings.section.workers(workers);
        self
    }

    /// Emits batches as they are finished, not in the order of the source. Items of one batch stay together, and in order.
    pub fn unordered(mut self) -> Self {
        self.settings.section = self.settings.section.unordered();
        self
    }

    /// How many batches there are at most between source and sink, at least one. With the size of batches it bounds the memory, whatever the speeds.
    ///
    /// A batch that takes long holds up those behind it, in an ordered pipeline; the window is how far the others may go on meanwhile.
    pub fn window(mut self, batches: usize) -> Self {
        self.settings.section = self.settings.section.window(batches);
        self
    }

    /// How large a batch may become: 4,096 items, or 64 KiB of lines, unless this says otherwise. How large it is depends on the work: about 50 µs of it.
    ///
    /// Of a source of lines or blocks, bytes; but at least one line.
    pub fn max_batch(mut self, size: usize) -> Self {
        self.settings.section = self.settings.section.max_batch(size);
        self
    }

    /// How much work a batch should be, by the clock: 50 µs unless this says otherwise, enough for sources and sinks in memory.
    ///
    /// More is better where a batch itself is dear: the source makes system calls while all wait for it, as a walk through directories does, or
    /// each write of the sink costs much. The price is that a stop, and the workers' common end, come that much later; and that an iterator
    /// counts as slow only when it takes longer than a fifth of this for an item: a quicker one's items may wait for a batch.
    pub fn batch_time(mut self, aim: Duration) -> Self {
        self.settings.section = self.settings.section.batch_time(aim);
        self
    }

    /// What a failed item means for the others.
    pub fn on_failure(mut self, policy: ItemPolicy) -> Self {
        self.failures.state().policy = policy;
        self
    }

    /// What a stop does with what is inside, when the context of [`run_in`](Runnable::run_in) asks for one.
    pub fn on_stop(mut self, how: OnStop) -> Self {
        self.settings.on_stop = how;
        self
    }

    /// Counts the items of the source (or lines) that are through, batch by batch; behind a [split](crate::Pipeline::split) the items that they have become.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.settings.progress = Some(progress);
        self
    }

    /// Names the sink, for its failures.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.stages.last_mut() {
            *last = name.into();
        }
        self
    }

    /// To see how fast it is, and where its time goes, while it runs and afterwards.
    ///
    /// It costs a few looks at the clock for each batch, and about a hundredth of the work; without it, and without [`run_in`](Runnable::run_in), nothing is
    /// measured.
    pub fn meter(&self) -> Meter {
        let registry = self.run.registry();
        registry.watch();
        Meter(registry.clone())
    }

    /// To ask it to stop while it runs, or before.
    ///
    /// ```
    /// # use upbeat_work::{OnStop, Pipeline};
    /// let numbers = Pipeline::from_iter(0..).collect().workers(1);
    /// numbers.stop_handle().stop(OnStop::Finish);
    /// assert!(numbers.run()?.stopped);
    /// # Ok::<_, upbeat_work::PipelineError<Vec<i32>>>(())
    /// ```
    pub fn stop_handle(&self) -> StopHandle {
        self.run.stop().clone()
    }
}

impl<S, L, P, K, H> fmt::Debug for Runnable<S, L, P, K, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable")
            .field("stages", &self.stages)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
