//! The repeated start of a player by a schedule.

use std::{
    future::{Future as _, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use tokio::{
    task::{JoinError, JoinHandle},
    time::{Duration, Instant},
};

use super::{jittered::Jittered, schedule::Schedule};
use crate::{context::Context, error::BoxError, player::Player, targets};

/// The number and the due time of a tick: a [value](Context::value) of its context.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Context, time::{Tick, every}};
///
/// async fn report(cx: Context) -> Result<(), BoxError> {
///     let tick = cx.value::<Tick>().expect("every tick has one");
///     println!("tick {}, {:?} late", tick.number, tick.due.elapsed());
///     Ok(())
/// }
/// # let _ = every(Duration::from_secs(1), report);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// The number of ticks before this one in this run of the player.
    pub number: u64,
    /// The time at which it was due, without its jitter.
    pub due: Instant,
}

/// The options that all schedules share.
#[derive(Clone, Debug)]
pub(super) struct Ticking {
    pub(super) max_running: usize,
    pub(super) jitter: Duration,
    pub(super) seed: Option<u64>,
    pub(super) cancel_on_stop: bool,
    pub(super) log_errors: bool,
}

impl Default for Ticking {
    fn default() -> Self {
        Self { max_running: 1, jitter: Duration::ZERO, seed: None, cancel_on_stop: false, log_errors: false }
    }
}

/// Defines the setters of [`Ticking`] that every scheduled player has.
macro_rules! ticking_options {
    () => {
        /// Cancels the context of a running tick if the player is asked to stop.
        ///
        /// The tick is notified, not aborted: the stop waits for a tick that ignores its context.
        /// By default the context is done only at the stop deadline, so that the tick can finish.
        pub fn cancel_on_stop(mut self) -> Self {
            self.ticking.cancel_on_stop = true;
            self
        }

        /// Continues after a tick that returns an error. The error is logged, and counted in the
        /// report.
        ///
        /// By default the first error fails the player. A panic fails the player in either case.
        pub fn log_errors(mut self) -> Self {
            self.ticking.log_errors = true;
            self
        }
    };
}
pub(super) use ticking_options;

impl Ticking {
    /// Plays `tick` at the times of `schedule` until the run is asked to stop, and then waits for
    /// the running ticks.
    pub(super) async fn play<P: Player>(
        &self,
        cx: &Context,
        tick: &Arc<P>,
        schedule: impl Schedule,
    ) -> Result<(), BoxError> {
        let mut schedule = Jittered::new(schedule, self.jitter, self.seed);
        let mut failures = TickFailures { cx, log: self.log_errors, ticks: 0, failed: 0, last: None };
        let mut running = RunningTicks::new();
        loop {
            let due = tokio::select! {
                biased;
                () = cx.stopping() => break,
                ended = running.next(), if !running.is_empty() => {
                    failures.handle(ended)?;
                    continue;
                }
                due = schedule.next(), if running.len() < self.max_running => due?,
            };
            let one = self.one(cx, tick.clone(), Tick { number: failures.ticks, due });
            failures.ticks += 1;
            if self.max_running == 1 {
                failures.handle(one.await)?;
            } else {
                running.push(cx.spawn("tick", one));
            }
        }
        while !running.is_empty() {
            let ended = running.next().await;
            failures.handle(ended)?;
        }
        Ok(())
    }

    /// Returns the future of one tick.
    fn one<P: Player>(
        &self,
        cx: &Context,
        player: Arc<P>,
        tick: Tick,
    ) -> impl Future<Output = Result<(), BoxError>> + use<P> {
        let scope = if self.cancel_on_stop { cx.child() } else { cx.until_deadline() };
        let scope = scope.with_value(tick);
        async move {
            let result = player.play(scope.clone()).await.map_err(Into::into);
            scope.progress(1);
            result
        }
    }
}

/// The ticks that run as tasks. There are few, so each is polled.
struct RunningTicks(Vec<JoinHandle<Result<(), BoxError>>>);

impl RunningTicks {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn push(&mut self, task: JoinHandle<Result<(), BoxError>>) {
        self.0.push(task);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until one of them has ended. Cancel safe.
    async fn next(&mut self) -> Result<(), BoxError> {
        poll_fn(|task| {
            for (index, running) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(ended) = Pin::new(running).poll(task) {
                    self.0.swap_remove(index);
                    return Poll::Ready(ended.unwrap_or_else(|lost: JoinError| Err(lost.into())));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The errors of ticks.
struct TickFailures<'a> {
    cx: &'a Context,
    log: bool,
    ticks: u64,
    failed: u64,
    last: Option<BoxError>,
}

impl TickFailures<'_> {
    /// Returns the error of a tick, or logs it.
    fn handle(&mut self, ended: Result<(), BoxError>) -> Result<(), BoxError> {
        let Err(error) = ended else { return Ok(()) };
        // A panic, or the end of the runtime. Neither is an error that the tick returned.
        if !self.log || error.is::<JoinError>() {
            return Err(error);
        }
        let player = self.cx.path();
        tracing::error!(target: targets::TIME, player, error = &*error, "tick failed, schedule unchanged");
        self.failed += 1;
        self.last = Some(error);
        Ok(())
    }
}

impl Drop for TickFailures<'_> {
    /// Adds logged errors to the report, however the run ends.
    fn drop(&mut self) {
        if let Some(last) = &self.last {
            self.cx.note(format_args!("{} of {} ticks failed, last: {last}", self.failed, self.ticks));
        }
    }
}
