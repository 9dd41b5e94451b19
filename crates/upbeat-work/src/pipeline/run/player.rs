//! Runs as the body of a player.

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
    result::finish,
    runnable::{Prepared, Runnable},
};
use crate::pipeline::{
    control::{Control, RunSection as _, Sections, StopHandle},
    engine::{Assembly, Engine},
    meter::Meter,
    options::OnStop,
    outcome::{PipelineError, PipelineFailure, PipelineReport},
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
    /// Runs the pipeline on tokio's blocking threads, until it has ended or `cx` is done.
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
    /// from outside: it is left behind, and ends when the call returns.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, items in flight are dropped, as with [`OnStop::Drop`]. The threads
    /// end when the calls that they are in return.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with time.
    pub async fn run_in(self, cx: &Context) -> Result<PipelineReport<A::Output>, PipelineError<A::Output>> {
        let begun = Instant::now();
        let (on_stop, meter) = (self.stop_policy(), self.meter());
        let stop = DropOnDrop(self.stop_handle());
        let Prepared { engine, sections, control } = self.prepare();
        control.set_runtime(Handle::current());
        control.set_context(cx.clone());
        let engine = Arc::new(engine);
        control.meters().begin();
        let mut threads = Vec::new();
        for section in &sections {
            threads.extend((0..section.workers()).map(|_| {
                let section = section.clone();
                spawn_blocking(move || section.work())
            }));
        }
        threads.extend((0..engine.workers()).map(|_| {
            let engine = engine.clone();
            spawn_blocking(move || engine.work())
        }));
        let all = async {
            for thread in threads {
                // It catches its panics, and is never aborted.
                let _ = thread.await;
            }
        };
        let mut ended = pin!(with_status(cx, &meter, all));
        tokio::select! {
            biased;
            () = &mut ended => return end(engine, &sections, &control, begun),
            _ = cx.done() => stop.0.stop(on_stop),
        }
        let Some(deadline) = cx.deadline() else {
            ended.await;
            return end(engine, &sections, &control, begun);
        };
        let reserve = deadline.saturating_duration_since(Deadline::now()) / RESERVE;
        tokio::select! {
            biased;
            () = &mut ended => return end(engine, &sections, &control, begun),
            () = sleep_until(deadline - 2 * reserve) => stop.0.stop(OnStop::Drop),
        }
        tokio::select! {
            biased;
            () = &mut ended => {}
            () = sleep_until(deadline - reserve) => {
                return Err(PipelineError::new(PipelineFailure::DeadlineExceeded, None));
            }
        }
        let report = end(engine, &sections, &control, begun)?;
        if on_stop == OnStop::Finish && report.dropped > 0 {
            cx.report_lost(format_args!("{} items in a pipeline", report.dropped));
        }
        Ok(report)
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
