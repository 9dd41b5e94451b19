//! Runs as the body of a player.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    time::{Instant as Deadline, sleep, sleep_until},
};
use upbeat::Context;

use super::{
    clock_hold::ClockHold,
    result::finish,
    runnable::{Prepared, Runnable},
    threads::Threads,
};
use crate::{
    pipeline::{
        control::{Control, RunSection as _, Sections, StopHandle},
        engine::{Assembly, Engine},
        meter::Meter,
        options::OnStop,
        outcome::{PipelineError, PipelineFailure, PipelineReport},
    },
    targets,
};

/// The share of the time left, as a divisor, that is reserved for dropping unfinished items, and
/// again for the report.
const RESERVE: u32 = 10;
/// The interval between two breadcrumbs.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

impl<A: Assembly + 'static> Runnable<A>
where
    A::Output: Send,
{
    /// Runs the pipeline on threads of its own, until it has ended or `cx` is done.
    ///
    /// There is one thread for each [worker](Runnable::workers) of each section, named `upbeat-work
    /// 0` and so on. They are not the blocking threads of the runtime, which files and look-ups of
    /// names share, and their number has no bound. On these threads stages can use the runtime,
    /// such as with [`Handle::current`](tokio::runtime::Handle::current). When this returns, they
    /// have dropped everything of the pipeline. Idle threads are used again by other pipelines, or
    /// end after a second.
    ///
    /// Each batch is a heartbeat of the player, and counts as its [progress](Context::progress).
    /// With splits and futures, progress counts the items that reach the last section. Every second
    /// the [status](Context::set_status) becomes the reading of the [meter](Meter), such as `1.2 M
    /// items, 310 k/s, 71 % in parse, window 3/8`.
    ///
    /// When `cx` is done, nothing more is taken from the source. Items in flight are finished or
    /// dropped, according to [`on_stop`](Runnable::on_stop). A stop is no error. If `cx` has a
    /// [deadline](Context::deadline), as in every stop, items that are unfinished shortly before it
    /// are dropped. The report of the run then has their [number](Context::report_lost).
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
    /// As for [`run`](Runnable::run), and [`PipelineFailure::DeadlineExceeded`] if a stage, the
    /// source or the sink has not returned shortly before the deadline. A thread cannot be ended
    /// from outside: it is left behind, and ends when the call returns. The text of the error
    /// and the log name it.
    ///
    /// If the system has no thread for any worker of a section, that is
    /// [`PipelineFailure::Source`]. With too few threads the pipeline runs, and logs a warning.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, items in flight are dropped, as with [`OnStop::Drop`]. The threads
    /// end when the calls that they are in return.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with time.
    ///
    /// # In tests with a paused clock
    ///
    /// A [paused](https://docs.rs/tokio/latest/tokio/time/fn.pause.html) clock goes on while the pipeline works or waits, because its
    /// threads are not part of the runtime. It may leap over hours before an item is through, so
    /// wait for the items and not for the time. During a stop it stands still until the items in
    /// flight are finished, for one second of real time at most.
    pub async fn run_in(self, cx: &Context) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        let begun = Instant::now();
        let (on_stop, meter) = (self.stop_policy(), self.meter());
        let stop = DropOnDrop(self.stop_handle());
        let Prepared { engine, sections, control } = self.prepare();
        let runtime = Handle::current();
        control.set_runtime(runtime.clone());
        control.set_context(cx.clone());
        let engine = Arc::new(engine);
        control.meters().begin();
        let mut threads = Threads::default();
        for section in &sections {
            if let Err(error) = threads.start(section, &runtime) {
                section.refuse(error);
            }
        }
        if let Err(error) = threads.start(&engine, &runtime) {
            engine.refuse(error);
        }
        let end_of_threads = with_status(cx, &meter, threads.end());
        let Ok(lost_at_deadline) = until_end(cx, end_of_threads, &stop.0, on_stop).await else {
            let left_behind: Box<[Box<str>]> = threads.names().into_iter().map(Into::into).collect();
            let (player, threads) = (cx.path(), left_behind.join(", "));
            tracing::warn!(target: targets::PIPELINE, player, threads, "pipeline left threads behind");
            return Err(PipelineError::deadline_exceeded(left_behind));
        };
        let report = end(engine, &sections, &control, begun)?;
        if lost_at_deadline && on_stop == OnStop::Finish && report.dropped > 0 {
            cx.report_lost(format_args!("{} items in a pipeline", report.dropped));
        }
        Ok(report)
    }
}

/// The threads have not ended shortly before the deadline of a stop.
struct DeadlinePassed;

/// Waits for the end of the threads, and stops the pipeline when `cx` is done. Returns whether
/// items were dropped because of the deadline.
async fn until_end(
    cx: &Context,
    end_of_threads: impl Future<Output = ()>,
    stop: &StopHandle,
    on_stop: OnStop,
) -> Result<bool, DeadlinePassed> {
    let mut ended = pin!(end_of_threads);
    tokio::select! {
        biased;
        () = &mut ended => return Ok(false),
        _ = cx.done() => stop.stop(on_stop),
    }
    let _hold = ClockHold::new();
    let Some(deadline) = cx.deadline() else {
        ended.await;
        return Ok(false);
    };
    let reserve = deadline.saturating_duration_since(Deadline::now()) / RESERVE;
    tokio::select! {
        biased;
        () = &mut ended => return Ok(false),
        () = sleep_until(deadline - 2 * reserve) => stop.stop(OnStop::Drop),
    }
    tokio::select! {
        biased;
        () = &mut ended => Ok(true),
        () = sleep_until(deadline - reserve) => Err(DeadlinePassed),
    }
}

fn end<A: Assembly>(
    engine: Arc<Engine<A>>,
    sections: &Sections<'_>,
    control: &Control,
    begun: Instant,
) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
    match Arc::into_inner(engine) {
        Some(engine) => finish(engine, sections, control, begun),
        // Each worker has dropped its handle before its task counted as ended.
        None => Err(PipelineError::new(PipelineFailure::DeadlineExceeded, None)),
    }
}

/// Waits for `work`, and sets the status of the player meanwhile.
async fn with_status(cx: &Context, meter: &Meter, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let mut before = meter.read();
    loop {
        tokio::select! {
            biased;
            () = &mut work => return,
            () = sleep(STATUS_INTERVAL) => {
                let reading = meter.read();
                cx.set_status(reading.with_rate(reading.rate_since(&before)).to_string());
                before = reading;
            }
        }
    }
}

/// Drops the items in flight when the future of a run is dropped.
struct DropOnDrop(StopHandle);

impl Drop for DropOnDrop {
    fn drop(&mut self) {
        self.0.stop(OnStop::Drop);
    }
}
