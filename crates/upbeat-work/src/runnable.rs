//! A pipeline with its sink, and how it runs.

use std::{
    fmt,
    marker::PhantomData,
    num::NonZero,
    panic::Location,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use upbeat::Progress;

use crate::{
    Cause, Failure, OnFailure, OnStop, Pipeline, PipelineError, Report, StopHandle,
    engine::{AIM, Engine, How},
    fused::{Fused, Meters, Outlet},
    pipeline::default_name,
    sink::{Failures, Keep, Pack, SendTo, Sink},
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
    workers: usize,
    window: Option<usize>,
    most: Option<usize>,
    batch_time: Duration,
    ordered: bool,
    on_stop: OnStop,
    stop: StopHandle,
    meters: Meters,
}

impl<S: Source, L, P, K> Runnable<S, L, P, K> {
    pub(crate) fn new(mut pipeline: Pipeline<S, L>, kind: &str, at: &Location<'_>, pack: P, sink: K) -> Self {
        pipeline.stages.push(default_name(kind, at));
        let settings = Settings {
            workers: processors(),
            window: None,
            most: None,
            batch_time: AIM,
            ordered: true,
            on_stop: OnStop::default(),
            stop: StopHandle::default(),
            meters: Meters::default(),
        };
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
}

/// How it runs.
impl<S, L, P, K, H: Failures> Runnable<S, L, P, K, H> {
    /// How many batches are worked on at the same time, at least one.
    pub fn workers(mut self, workers: usize) -> Self {
        self.settings.workers = workers.max(1);
        self
    }

    /// Emits batches as they are finished, not in the order of the source. Items of one batch stay together, and in order.
    pub fn unordered(mut self) -> Self {
        self.settings.ordered = false;
        self
    }

    /// How many batches there are at most between source and sink, at least one. With the size of batches it bounds the memory, whatever the speeds.
    ///
    /// A batch that takes long holds up those behind it, in an ordered pipeline; the window is how far the others may go on meanwhile.
    pub fn window(mut self, batches: usize) -> Self {
        self.settings.window = Some(batches.max(1));
        self
    }

    /// How large a batch may become: 4,096 items, or 64 KiB of lines, unless this says otherwise. How large it is depends on the work: about 50 µs of it.
    ///
    /// Of a source of lines or blocks, bytes; but at least one line.
    pub fn batch_at_most(mut self, size: usize) -> Self {
        self.settings.most = Some(size.max(1));
        self
    }

    /// How much work a batch should be, by the clock: 50 µs unless this says otherwise, enough for sources and sinks in memory.
    ///
    /// More is better where a batch itself is dear: the source makes system calls while all wait for it, as a walk through directories does, or
    /// each write of the sink costs much. The price is that a stop, and the workers' common end, come that much later.
    pub fn batch_time(mut self, aim: Duration) -> Self {
        self.settings.batch_time = aim;
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

    /// Counts the items of the source (or lines) that are through, batch by batch.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.settings.meters.progress = Some(progress);
        self
    }

    /// Names the sink, for its failures.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        if let Some(last) = self.pipeline.stages.last_mut() {
            *last = name.into();
        }
        self
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
        self.settings.stop.clone()
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
    /// # Errors
    ///
    /// When it could not run to the end of its source: the source or the sink failed, or an item did and was to [stop](OnFailure::Stop) it.
    /// Failures that were recorded are no error: the [`Report`] has them.
    pub fn run(self) -> Result<Report<K::Output>, PipelineError<K::Output>> {
        let begun = Instant::now();
        let workers = self.settings.workers;
        let engine = self.into_engine();
        thread::scope(|scope| {
            for at in 1..workers {
                let worker = thread::Builder::new().name(format!("upbeat-work {at}"));
                if let Err(error) = worker.spawn_scoped(scope, || engine.work()) {
                    // It is slower without, and right all the same.
                    tracing::warn!(%error, "a pipeline runs with {at} of {workers} workers: no more threads");
                    break;
                }
            }
            engine.work();
        });
        finish(engine, begun)
    }

    pub(crate) fn count(&self) -> usize {
        self.settings.workers
    }

    pub(crate) fn stop_policy(&self) -> OnStop {
        self.settings.on_stop
    }

    pub(crate) fn meters(&mut self) -> &mut Meters {
        &mut self.settings.meters
    }

    pub(crate) fn into_engine(self) -> Running<S, L, P, K, H> {
        let Self { pipeline, pack, sink, mut failures, settings } = self;
        let Pipeline { source, line, stages } = pipeline;
        failures.tally().sink = stages.last().cloned();
        let (first, most) = S::SIZE;
        let how = How {
            window: settings.window.unwrap_or(settings.workers * 4),
            ordered: settings.ordered,
            first_batch: first,
            most_batch: settings.most.unwrap_or(most),
            batch_time: settings.batch_time,
        };
        let plan = Fused { line, pack, stages: stages.into(), meters: settings.meters, of: PhantomData };
        Engine::new(plan, source, Outlet { sink, failures, passed: 0 }, how, settings.stop)
    }
}

/// What came of it, once no worker is left.
pub(crate) fn finish<S, L, P, K, H>(
    engine: Running<S, L, P, K, H>,
    begun: Instant,
) -> Result<Report<K::Output>, PipelineError<K::Output>>
where
    S: Source,
    L: for<'b> Line<'b, S::Batch>,
    P: for<'b> Pack<<L as Line<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: Failures,
{
    let remains = engine.into_remains();
    let mut cause = remains.cause;
    let report = remains.sink.map(|outlet| {
        let Outlet { mut sink, mut failures, passed } = outlet;
        if let Err(error) = sink.finish() {
            // The first cause counts: a writer that has failed is likely to fail again here.
            cause.get_or_insert(Cause::Sink(error));
        }
        let tally = std::mem::take(failures.tally());
        Report {
            output: sink.into_output(),
            taken: remains.taken,
            emitted: tally.emitted,
            failed: tally.failed,
            panicked: tally.panicked,
            passed,
            dropped: remains.dropped,
            failures: tally.kept,
            stopped: !remains.ended && cause.is_none(),
            elapsed: begun.elapsed(),
        }
    });
    match (cause, report) {
        (None, Some(report)) => Ok(report),
        // Only a worker that panics loses the sink, and that is a cause.
        (cause, report) => Err(PipelineError::new(cause.unwrap_or(Cause::Overran), report)),
    }
}

/// Asked once: on Linux the answer is in files, and to read them costs more than a small pipeline does.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get))
}

impl<S, L, P, K, H> fmt::Debug for Runnable<S, L, P, K, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runnable")
            .field("stages", &self.pipeline.stages)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
