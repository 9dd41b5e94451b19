//! A pipeline with its sink, and how it runs.

use std::{
    fmt, io,
    marker::PhantomData,
    ops::Range,
    panic::Location,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use upbeat::Progress;

use crate::{
    Cause, Failure, Inlet, Meter, OnFailure, OnStop, Pipeline, PipelineError, Report, Section, StopHandle, Together,
    engine::{Engine, How},
    fused::{Exit, Fused},
    meter::Gauge,
    pipeline::default_name,
    run::Run,
    segment::{Outcome, Segment, Segments},
    sink::{Failures, Keep, Outbox, Pack, SendOn, SendTo, Sink},
    source::Source,
    stage::Line,
};

/// A pipeline from source to sink, and how it is to run.
///
/// Without any setting: ordered, a worker per processor, four batches in the window for each, failures recorded.
pub struct Runnable<S, L, P, K, H = Keep> {
    pipeline: Pipeline<S, L>,
    pack: P,
    sink: K,
    failures: H,
    settings: Settings,
}

#[derive(Debug)]
struct Settings {
    section: Section,
    on_stop: OnStop,
    progress: Option<Arc<Progress>>,
}

impl<S: Source, L, P, K> Runnable<S, L, P, K> {
    pub(crate) fn new(mut pipeline: Pipeline<S, L>, kind: &str, at: &Location<'_>, pack: P, sink: K) -> Self {
        pipeline.stages.push(default_name(kind, at));
        let settings = Settings { section: Section::new(), on_stop: OnStop::default(), progress: None };
        Self { pipeline, pack, sink, failures: Keep::default(), settings }
    }

    /// Hands each failure to a closure instead of keeping the first ones for the report: in order with the items, by the worker that has the sink.
    ///
    /// A failure that [ends](OnFailure::Stop) the pipeline is in its error instead. A panic of the closure ends it with [`Cause::Sink`].
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
    pub fn failures_to<F: FnMut(Failure) + Send>(self, to: F) -> Runnable<S, L, P, K, SendTo<F>> {
        let Self { pipeline, pack, sink, mut failures, settings } = self;
        let tally = std::mem::take(failures.tally());
        Runnable { pipeline, pack, sink, failures: SendTo { to, tally }, settings }
    }

    /// Sends failures through a [`connection`](crate::connection()) to another pipeline instead of keeping the first ones for the report.
    ///
    /// It waits for that pipeline, and ends with it, as a sink that [sends](Pipeline::send_to) does. A failure that [ends](OnFailure::Stop) the pipeline is in
    /// its error instead. A stop that [drops](OnStop::Drop) does so with failures for which there is no room; they count as failed.
    ///
    /// ```
    /// # use upbeat_work::{Pipeline, connection};
    /// let (to_log, log) = connection(10);
    /// let numbers = Pipeline::from_iter(["1", "two"]).try_map(|text| text.parse::<u8>()).name("parse").collect();
    /// let (numbers, lines) = numbers
    ///     .send_failures_to(to_log)
    ///     .and(Pipeline::from_outlet(log).map(|failure| failure.to_string()).collect())
    ///     .run();
    /// assert_eq!((numbers?.output, lines?.output), (vec![1], vec!["item 1 failed in parse".to_owned()]));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_failures_to(self, to: Inlet<Failure>) -> Runnable<S, L, P, K, SendOn> {
        let Self { pipeline, pack, sink, mut failures, settings } = self;
        let tally = std::mem::take(failures.tally());
        let failures = SendOn { to: Outbox::new(to), run: pipeline.run.clone(), tally };
        Runnable { pipeline, pack, sink, failures, settings }
    }
}

/// How it runs.
impl<S, L, P, K, H: Failures> Runnable<S, L, P, K, H> {
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
    pub fn batch_at_most(mut self, size: usize) -> Self {
        self.settings.section = self.settings.section.batch_at_most(size);
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
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.failures.tally().policy = policy;
        self
    }

    /// What a stop does with what is inside, when the context of [`run_in`](Runnable::run_in) asks for one.
    pub fn on_stop(mut self, how: OnStop) -> Self {
        self.settings.on_stop = how;
        self
    }

    /// Counts the items of the source (or lines) that are through, batch by batch; behind a [split](Pipeline::split) the items that they have become.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.settings.progress = Some(progress);
        self
    }

    /// Names the sink, for its failures.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.pipeline.stages.last_mut() {
            *last = name.into();
        }
        self
    }

    /// Both at the same time: for pipelines that are [connected](crate::connection()).
    pub fn and<O>(self, other: O) -> Together<Self, O> {
        Together::new(self, other)
    }

    /// To see how fast it is, and where its time goes, while it runs and afterwards.
    ///
    /// It costs a few looks at the clock for each batch, and about a hundredth of the work; without it, and without [`run_in`](Runnable::run_in), nothing is
    /// measured.
    pub fn meter(&self) -> Meter {
        let board = self.pipeline.run.board();
        board.watch();
        Meter(board.clone())
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
        self.pipeline.run.stop().clone()
    }
}

pub(crate) type Running<S, L, P, K, H> = Engine<Fused<S, L, P, K, H>>;

impl<S, L, P, K, H> Runnable<S, L, P, K, H>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    /// Runs it to the end on plain threads: this one, and one more for each further worker. They are gone when it returns, so all may borrow.
    ///
    /// It blocks. On a thread of an asynchronous runtime, where [`run_in`](Runnable::run_in) is better, this thread does nothing but wait, since it must not wait
    /// for a stream.
    ///
    /// # Errors
    ///
    /// When it could not run to the end of its source: the source or the sink failed, or an item did and was to [stop](OnFailure::Stop) it.
    /// Failures that were recorded are no error: the [`Report`] has them.
    pub fn run(self) -> Result<Report<K::Output>, PipelineError<K::Output>> {
        self.run_on(Handle::try_current().ok())
    }

    /// Without a runtime this thread may wait for a stream, and is a worker like the others.
    pub(crate) fn run_on(mut self, runtime: Option<Handle>) -> Result<Report<K::Output>, PipelineError<K::Output>> {
        let begun = Instant::now();
        let (workers, run) = (self.settings.section.workers, self.shared());
        let is_in_runtime = runtime.map(|runtime| run.within(runtime)).is_some();
        let segments = self.segments();
        let engine = self.into_engine();
        run.board().begin();
        thread::scope(|scope| {
            for segment in &segments {
                if let Err(error) = spawn(scope, 0..segment.workers(), &**segment) {
                    segment.refuse(error);
                }
            }
            if !is_in_runtime {
                let _ = spawn(scope, 1..workers, &engine);
                engine.work();
            } else if spawn(scope, 0..workers, &engine).is_err() {
                engine.work();
            }
        });
        finish(engine, &segments, &run, begun)
    }

    pub(crate) fn count(&self) -> usize {
        self.settings.section.workers
    }

    pub(crate) fn segments<'s>(&mut self) -> Segments<'s>
    where
        Self: 's,
    {
        self.pipeline.source.take_segments()
    }

    pub(crate) fn stop_policy(&self) -> OnStop {
        self.settings.on_stop
    }

    pub(crate) fn shared(&self) -> Run {
        self.pipeline.run.clone()
    }

    pub(crate) fn into_engine(self) -> Running<S, L, P, K, H> {
        let Self { pipeline, pack, sink, mut failures, settings } = self;
        let Pipeline { source, line, stages, run } = pipeline;
        failures.tally().sink = stages.last().cloned();
        let how = How::of::<S>(&settings.section);
        let stages: Arc<[_]> = stages.into();
        let gauge = Gauge::fused(run.board(), how.workers, how.window, None, stages.clone());
        let plan = Fused {
            line,
            pack,
            stages,
            run: run.clone(),
            gauge: gauge.clone(),
            is_last: true,
            progress: settings.progress,
            of: PhantomData,
        };
        Engine::new(plan, source, Exit { sink, failures }, how, &run, gauge)
    }
}

/// Starts workers. Some fewer are slower, and right all the same.
///
/// # Errors
///
/// When there is a thread for none of them.
fn spawn<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    workers: Range<usize>,
    segment: &'scope dyn Segment,
) -> io::Result<()> {
    for at in workers.clone() {
        let worker = thread::Builder::new().name(format!("upbeat-work {at}"));
        match worker.spawn_scoped(scope, || segment.work()) {
            Ok(_) => {}
            Err(error) if at == workers.start => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a pipeline runs with {at} of {} workers: no more threads", workers.end);
                break;
            }
        }
    }
    Ok(())
}

/// What came of it, once no worker is left.
pub(crate) fn finish<S, L, P, K, H>(
    engine: Running<S, L, P, K, H>,
    segments: &[Arc<dyn Segment + '_>],
    run: &Run,
    begun: Instant,
) -> Result<Report<K::Output>, PipelineError<K::Output>>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    run.board().end();
    let remains = engine.into_remains();
    let Outcome { mut cause, mut taken, mut dropped, mut stopped } = remains.outcome;
    // From back to front: what ends a section also ends those before it, which know less of why.
    for segment in segments.iter().rev() {
        let outcome = segment.outcome();
        cause = cause.or(outcome.cause);
        dropped += outcome.dropped;
        (taken, stopped) = (outcome.taken, outcome.stopped);
    }
    let report = remains.sink.map(|exit| {
        let Exit { mut sink, mut failures } = exit;
        if let Err(error) = sink.finish() {
            // The first cause counts: a writer that has failed is likely to fail again here.
            cause.get_or_insert(Cause::Sink(error));
        }
        let tally = std::mem::take(failures.tally());
        Report {
            output: sink.into_output(),
            taken,
            emitted: tally.emitted,
            failed: tally.failed,
            panicked: tally.panicked,
            passed: run.passed(),
            dropped,
            failures: tally.kept,
            stopped: stopped && cause.is_none(),
            elapsed: begun.elapsed(),
        }
    });
    match (cause, report) {
        (None, Some(report)) => Ok(report),
        // Only a worker that panics loses the sink, and that is a cause.
        (cause, report) => Err(PipelineError::new(cause.unwrap_or(Cause::Overran), report)),
    }
}

impl<S, L, P, K, H> fmt::Debug for Runnable<S, L, P, K, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable")
            .field("stages", &self.pipeline.stages)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
