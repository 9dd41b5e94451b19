//! Playing a player again and again.

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
use crate::{context::Context, error::BoxError, player::Player};

/// Which tick this is: a [value](Context::value) of its context.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{BoxError, Context, time::Tick};
///
/// async fn report(cx: Context) -> Result<(), BoxError> {
///     let tick = cx.value::<Tick>().expect("every tick has one");
///     println!("tick {}, {:?} late", tick.number, tick.due.elapsed());
///     Ok(())
/// }
/// # let _ = upbeat::time::every(Duration::from_secs(1), report);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// How many ticks have begun before it, in this run of the player.
    pub number: u64,
    /// When it was due, without its jitter.
    pub due: Instant,
}

/// How ticks are played, whatever says when.
#[derive(Clone, Debug)]
pub(super) struct Ticking {
    pub(super) at_once: usize,
    pub(super) jitter: Duration,
    pub(super) seed: Option<u64>,
    pub(super) cancel_on_stop: bool,
    pub(super) log_errors: bool,
}

impl Default for Ticking {
    fn default() -> Self {
        Self { at_once: 1, jitter: Duration::ZERO, seed: None, cancel_on_stop: false, log_errors: false }
    }
}

impl Ticking {
    /// Plays `tick` at the times of `schedule` until the run is asked to stop, and then waits for the ticks that run.
    pub(super) async fn play<P: Player>(
        &self,
        cx: &Context,
        tick: &Arc<P>,
        schedule: impl Schedule,
    ) -> Result<(), BoxError> {
        let mut schedule = Jittered::new(schedule, self.jitter, self.seed);
        let mut failures = Failures { cx, log: self.log_errors, ticks: 0, failed: 0, last: None };
        let mut running = Running::new();
        loop {
            let due = tokio::select! {
                biased;
                () = cx.stopping() => break,
                ended = running.next(), if !running.is_empty() => {
                    failures.judge(ended)?;
                    continue;
                }
                due = schedule.next(), if running.len() < self.at_once => due,
            };
            let one = self.one(cx, tick.clone(), Tick { number: failures.ticks, due });
            failures.ticks += 1;
            if self.at_once == 1 {
                failures.judge(one.await)?;
            } else {
                running.push(cx.spawn("tick", one));
            }
        }
        while !running.is_empty() {
            let ended = running.next().await;
            failures.judge(ended)?;
        }
        Ok(())
    }

    /// One tick.
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

/// The ticks that run as tasks: few, so each is looked at.
struct Running(Vec<JoinHandle<Result<(), BoxError>>>);

impl Running {
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

    /// Completes when one of them has ended. Cancel safe.
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

/// What is made of the errors of ticks.
struct Failures<'a> {
    cx: &'a Context,
    log: bool,
    ticks: u64,
    failed: u64,
    last: Option<BoxError>,
}

impl Failures<'_> {
    /// Passes an error on, or writes it into the log.
    fn judge(&mut self, ended: Result<(), BoxError>) -> Result<(), BoxError> {
        let Err(error) = ended else { return Ok(()) };
        // A panic, or the end of the runtime: nothing to go on with.
        if !self.log || error.is::<JoinError>() {
            return Err(error);
        }
        tracing::error!(player = %self.cx.path(), error = &*error, "a tick failed; the next one comes as ever");
        self.failed += 1;
        self.last = Some(error);
        Ok(())
    }
}

impl Drop for Failures<'_> {
    /// The report tells of what went only into the log, however the run ends.
    fn drop(&mut self) {
        if let Some(last) = &self.last {
            self.cx.note(format_args!("{} of {} ticks failed, the last: {last}", self.failed, self.ticks));
        }
    }
}
