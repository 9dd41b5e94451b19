//! A pipeline as the body of a player.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    task::spawn_blocking,
    time::{Instant as Deadline, sleep, sleep_until},
};
use upbeat::Context;

use super::{
    finish::{Running, finish},
    runnable::Runnable,
};
use crate::pipeline::{
    control::{Control, RunSection, StopHandle},
    meter::Meter,
    options::OnStop,
    outcome::{PipelineError, PipelineFailure, PipelineReport},
    sink::{FailureSink, Pack, Sink},
    source::Source,
    stage::StageChain,
};

/// The share of the time left that is kept for dropping what could not be finished, and that again for saying so.
const RESERVE: u32 = 10;
/// How often it says how far it is.
const EVERY: Duration = Duration::from_secs(1);

impl<S, L, P, K, H> Runnable<S, L, P, K, H>
where
    S: Source + 'static,
    L: for<'b> StageChain<'b, S::Batch> + 'static,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit> + 'static,
    K: Sink<Output: Send> + 'static,
    H: FailureSink + 'static,
{
    /// Runs it on tokio's blocking threads, until it has ended or `cx` is done. Each batch is a sign of life of the player, and
    /// counts as its [progress](Context::progress). Every second it leaves a [breadcrumb](Context::set_status) with its [meter's](crate::pipeline::Meter) reading, such as `1.2 M items, 310 k/s, 71 % in
    /// parse, window 3/8`; with splits and futures progress counts what comes to the last section.
    ///
    /// When `cx` is done nothing more is taken from the source. What was taken is finished or dropped, as [`on_stop`](Runnable::on_stop) says; a stop is no
    /// error. If `cx` has a [deadline](Context::deadline) (a stop does), what is not finished shortly before it is dropped, and the report of the run
    /// [says](Context::report_lost) how much that was.
    ///
    /// ```
    /// use upbeat::{BoxError, Context};
    /// use upbeat_work::Pipeline;
    ///
    /// async fn sensors(cx: Context) -> Result<(), BoxError> {
    ///     let readings = Pipeline::generate(|| Some(21.5_f64)).map(|celsius| celsius * 1.8 + 32.0);
    ///     let report = readings.for_each(|fahrenheit| println!("{fahrenheit}")).run_in(&cx).await?;
    ///     cx.note(report);
    ///     Ok(())
    /// }
    /// # drop(upbeat::Part::new("sensors", sensors));
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`run`](Runnable::run); and [`PipelineFailure::Overran`] when a stage, the source or the sink has not returned shortly before the deadline. No thread can
    /// be ended from outside: it is left behind, and ends when the call returns.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, what is inside is dropped, as if by [`OnStop::Drop`]. The threads end when what they are in returns.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime with time.
    pub async fn run_in(mut self, cx: &Context) -> Result<PipelineReport<K::Output>, PipelineError<K::Output>> {
        let begun = Instant::now();
        let (workers, on_stop) = (self.count(), self.stop_policy());
        let stop = DropOnDrop(self.stop_handle());
        let run = self.shared();
        run.within(Handle::current());
        run.told_to(cx.clone());
        let meter = self.meter();
        let sections = self.sections();
        let engine = Arc::new(self.into_engine());
        run.registry().begin();
        let mut threads = Vec::new();
        for section in &sections {
            threads.extend((0..section.workers()).map(|_| {
                let section = section.clone();
                spawn_blocking(move || section.work())
            }));
        }
        threads.extend((0..workers).map(|_| {
            let engine = engine.clone();
            spawn_blocking(move || engine.work())
        }));
        let all = async {
            for thread in threads {
                // It catches its own panics, and nobody aborts it.
                let _ = thread.await;
            }
        };
        let mut ended = pin!(telling(cx, &meter, all));
        tokio::select! {
            biased;
            () = &mut ended => return end(engine, &sections, &run, begun),
            _ = cx.done() => stop.0.stop(on_stop),
        }
        let Some(deadline) = cx.deadline() else {
            ended.await;
            return end(engine, &sections, &run, begun);
        };
        let reserve = deadline.saturating_duration_since(Deadline::now()) / RESERVE;
        tokio::select! {
            biased;
            () = &mut ended => return end(engine, &sections, &run, begun),
            () = sleep_until(deadline - 2 * reserve) => stop.0.stop(OnStop::Drop),
        }
        tokio::select! {
            biased;
            () = &mut ended => {}
            () = sleep_until(deadline - reserve) => return Err(PipelineError::new(PipelineFailure::Overran, None)),
        }
        let report = end(engine, &sections, &run, begun)?;
        if on_stop == OnStop::Finish && report.dropped > 0 {
            cx.report_lost(format_args!("{} items in a pipeline", report.dropped));
        }
        Ok(report)
    }
}

fn end<S, L, P, K, H>(
    engine: Arc<Running<S, L, P, K, H>>,
    sections: &[Arc<dyn RunSection>],
    run: &Control,
    begun: Instant,
) -> Result<PipelineReport<K::Output>, PipelineError<K::Output>>
where
    S: Source,
    L: for<'b> StageChain<'b, S::Batch>,
    P: for<'b> Pack<<L as StageChain<'b, S::Batch>>::Out, K::Unit>,
    K: Sink,
    H: FailureSink,
{
    match Arc::into_inner(engine) {
        Some(engine) => finish(engine, sections, run, begun),
        // Each worker has dropped its own before its task counted as ended.
        None => Err(PipelineError::new(PipelineFailure::Overran, None)),
    }
}

/// Leaves a breadcrumb every second until the work has ended.
async fn telling(cx: &Context, meter: &Meter, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let mut before = meter.read();
    loop {
        tokio::select! {
            biased;
            () = &mut work => return,
            () = sleep(EVERY) => {
                let reading = meter.read();
                cx.set_status(reading.with_rate(reading.rate_since(&before)).to_string());
                before = reading;
            }
        }
    }
}

/// Nobody is left to get what comes out.
struct DropOnDrop(StopHandle);

impl Drop for DropOnDrop {
    fn drop(&mut self) {
        self.0.stop(OnStop::Drop);
    }
}
