//! The context of a run: stop requests, the deadline, and status reporting.

pub mod attachment;
pub(crate) mod derive;
pub(crate) mod error;
pub(crate) mod reloads;
pub(crate) mod scope;

use std::{borrow::Cow, fmt, future::Future, sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::Instant};

use self::{reloads::Reloads, scope::Scope};
use crate::{
    run::{Run, wait::Wait},
    snapshot::work::WorkList,
    stop_cause::StopCause,
    tree::overview::Overview,
};

/// The context of a run: stop requests, the deadline, and status reporting.
///
/// A cheap, owned clone. It belongs to one *run* of the player. After a restart, the next run has
/// its own context. It owns no work: dropping it cancels nothing.
///
/// # The run, and the scope
///
/// A context has two sides.
///
/// - The **run** of the player: [`stopping`](Context::stopping),
///   [`is_stopping`](Context::is_stopping), [`stop_cause`](Context::stop_cause),
///   [`unless_stopping`](Context::unless_stopping). They are the same for all contexts of a run.
/// - Its own **scope**: [`done`](Context::done), [`error`](Context::error),
///   [`unless_done`](Context::unless_done), [`cancel`](Context::cancel), [`value`](Context::value).
///   This is the context of Go: a tree with deadlines and values that children inherit. A child is
///   done with its parent, never the reverse.
///
/// The context that a player receives is done when its run is asked to stop, or is over. So are its
/// children, except those of [`until_deadline`](Context::until_deadline).
///
/// | Go | here |
/// |---|---|
/// | `context.Background()` | [`Context::background`] |
/// | `context.WithCancelCause(ctx)` | [`child`](Context::child), [`cancel`](Context::cancel) |
/// | `context.WithTimeout`, `WithDeadline` | [`with_timeout`](Context::with_timeout), [`with_deadline`](Context::with_deadline) |
/// | `context.WithValue`, `ctx.Value` | [`with_value`](Context::with_value), [`value`](Context::value), by type |
/// | `context.WithoutCancel` | [`until_deadline`](Context::until_deadline), bounded by the run |
/// | `<-ctx.Done()` | [`done`](Context::done) |
/// | `ctx.Err()`, `context.Cause(ctx)` | [`error`](Context::error), and its source |
///
/// A child needs no task, no timer and no `defer cancel()`. Nothing is left of it when its last
/// clone is dropped.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{Context, ContextError};
///
/// # async fn quote(_: &Context) -> u32 { std::future::pending().await }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let cx = Context::background();
/// let asking = cx.with_timeout(Duration::from_secs(2));
/// let answer = asking.unless_done(quote(&asking)).await;
/// assert!(matches!(answer, Err(ContextError::DeadlineExceeded)));
/// assert!(cx.error().is_none(), "the parent is not done");
/// # }
/// ```
#[derive(Clone)]
pub struct Context(pub(crate) Origin);

/// The origin of a context. A scope contains its run, so that a context takes two words and its
/// clone counts one reference. A server makes a context for every request.
#[derive(Clone)]
pub(crate) enum Origin {
    /// The run's own context, which needs no memory of its own.
    Run(Arc<Run>),
    Scope(Arc<Scope>),
}

impl Context {
    /// Creates a context without a conductor, for tests, command line programs and `main`. It is
    /// Go's `context.Background`.
    ///
    /// Its path is `background`. It is never asked to stop and never done. Its children are done
    /// when they are canceled or their deadline passes.
    ///
    /// # Not guaranteed
    ///
    /// There is no conductor, so [`ready`](Context::ready) does nothing. A task of
    /// [`spawn`](Context::spawn) is neither awaited nor aborted, and only its handle reports a
    /// panic. Details, notes and lost work appear in no report. There are no reloads, and the
    /// [`overview`](Context::overview) is empty. Contexts of two calls share nothing.
    ///
    /// ```
    /// use upbeat::Context;
    ///
    /// let cx = Context::background();
    /// assert_eq!(cx.path(), "background");
    /// assert!(!cx.is_stopping() && cx.error().is_none());
    /// ```
    pub fn background() -> Self {
        Self(Origin::Run(Run::background()))
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        match &self.0 {
            Origin::Run(run) => run,
            Origin::Scope(scope) => scope.run(),
        }
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        match &self.0 {
            Origin::Run(_) => None,
            Origin::Scope(scope) => Some(scope),
        }
    }

    /// Returns the player's full path, such as `shop/api/http`.
    pub fn path(&self) -> &str {
        self.run().path()
    }

    /// Returns the player's own name: the last segment of its [path](Context::path).
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Returns the number of the run: 0 for the first, then 1, 2, … for each restart.
    pub fn attempt(&self) -> u32 {
        self.run().attempt()
    }

    /// Signals that this run is ready, so that its dependents may start. Later calls have no
    /// effect.
    ///
    /// For parts whose readiness is [`Signalled`](crate::score::Readiness::Signalled). Other parts
    /// are ready after their first poll. There, a call has no effect and logs one warning.
    pub fn ready(&self) {
        self.run().set_ready();
    }

    /// Returns whether this run was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.run().stop.is_asked()
    }

    /// Waits until this run is asked to stop.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        Wait::new(self.run().clone())
    }

    /// Runs `work` until it completes (`Some`) or this run is asked to stop (`None`).
    ///
    /// If the run was already asked to stop, `work` is never polled.
    ///
    /// # Cancel safety
    ///
    /// On a stop, `work` is dropped at its current `await`. Use it only for work that may be
    /// interrupted there.
    pub async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopping() => None,
            done = work => Some(done),
        }
    }

    /// Returns the cause of the stop request. `None` until there is one.
    pub fn stop_cause(&self) -> Option<StopCause> {
        Some(self.run().stop.stopping()?.cause.clone())
    }

    /// Returns the time at which this context is done at the latest. `None` without a bound.
    ///
    /// It is the earliest of its own deadline, those of the contexts above it, and after a stop
    /// request the time at which the run is aborted.
    ///
    /// Work with its own bound should end a little earlier, as
    /// [`drain_deadline`](Context::drain_deadline) does, so that it can still report lost work.
    pub fn deadline(&self) -> Option<Instant> {
        let run = self.run().stop.stopping().map(|stopping| stopping.deadline);
        let scope = self.scope().and_then(|scope| scope.deadline());
        run.into_iter().chain(scope).min()
    }

    /// Returns the time until the [deadline](Context::deadline), zero when it has passed. `None`
    /// without a deadline: for a player's own context until the stop request.
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(Instant::now()))
    }

    /// Returns until when work may be drained, so that the player can still report what is lost: a
    /// little before the [deadline](Context::deadline). `None` if there is no deadline.
    ///
    /// The margin is a tenth of the time that is left, and at most 100 ms. It is calculated at the
    /// time of the call, so a drain asks once, when it begins.
    pub fn drain_deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let left = self.deadline()?.saturating_duration_since(now);
        Some(now + left.saturating_sub((left / 10).min(Duration::from_millis(100))))
    }

    /// Spawns a task that belongs to this run.
    ///
    /// The run counts as stopped only when the task is gone, and the task is aborted with the run
    /// at its stop deadline. When the player returns, its spawned tasks are asked to stop:
    /// [`stopping`](Context::stopping) completes. A panic of the task does not interrupt the run.
    /// It is reported, and the run has failed when it ends.
    ///
    /// All contexts of a run are equal here. A context that is done does not end the task.
    ///
    /// # Panics
    ///
    /// If called outside a tokio runtime.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<Arc<str>>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        Run::spawn(self.run(), name.into(), work)
    }

    /// Publishes a fact about this run to the [`Overview`], such as
    /// `("listening", "127.0.0.1:8080")`. A later value of the same key replaces the earlier one.
    pub fn detail(&self, key: &'static str, value: impl fmt::Display) {
        self.run().set_detail(key, value.to_string());
    }

    /// Adds a line to this player's entry in the [`Report`](crate::Report).
    ///
    /// The report keeps the last 64 lines of a player.
    pub fn note(&self, line: impl fmt::Display) {
        self.run().note(line.to_string());
    }

    /// Reports accepted work that was lost because its deadline had passed: a line in the
    /// [`Report`](crate::Report), whose exit code becomes [`OVERRAN`](crate::exit_code::OVERRAN).
    ///
    /// The report keeps the first 1,024 lines of a player and counts the others.
    pub fn report_lost(&self, line: impl fmt::Display) {
        self.run().report_lost(line.to_string());
    }

    /// Records a heartbeat for the part's [watchdog](crate::Part::watchdog) and for reports. It
    /// costs some tens of nanoseconds.
    pub fn heartbeat(&self) {
        self.run().activity().add(0);
    }

    /// Counts steps of work, and records a heartbeat. Reports and the [`Overview`] show the count.
    pub fn progress(&self, steps: u64) {
        self.run().activity().add(steps);
    }

    /// Sets the status of this run, such as `flushing`. Reports show the last status and its age.
    /// It is systemd's `STATUS=`.
    pub fn set_status(&self, what: impl Into<Cow<'static, str>>) {
        self.run().activity().set_status(what.into());
    }

    /// Runs `work` that waits for another component, such as a full queue with a slow consumer.
    ///
    /// Meanwhile the [watchdog](crate::Part::watchdog) expects no heartbeat, and reports name the
    /// component. The end of `work` records a heartbeat. The idea comes from the protected zone of
    /// quickwit-actors.
    ///
    /// ```
    /// # async fn forward(cx: &upbeat::Context, queue: &tokio::sync::mpsc::Sender<u32>, event: u32) {
    /// let sent = cx.blocked_on("the mail queue", queue.send(event)).await;
    /// # drop(sent);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of `work`.
    pub async fn blocked_on<T>(&self, what: impl Into<Cow<'static, str>>, work: impl Future<Output = T>) -> T {
        let _blocked = self.run().activity().blocked_on(what.into());
        work.await
    }

    /// Registers a list of the work of this run outside its own task and its
    /// [spawned](Context::spawn) tasks: requests, tracked work, child processes.
    ///
    /// [`Overview`] calls `list` for every snapshot, on the thread of the caller. It must be quick,
    /// and neither block nor panic. The run keeps it until its end. It must not capture the
    /// context, or neither is ever freed: capture a `Weak`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tokio::time::Instant;
    ///
    /// async fn courier(cx: upbeat::Context) -> Result<(), std::io::Error> {
    ///     let parcels = Arc::new(std::sync::Mutex::new(vec![("a lamp", Instant::now())]));
    ///     let open = Arc::downgrade(&parcels);
    ///     cx.register_work(move |list| {
    ///         let Some(parcels) = open.upgrade() else { return };
    ///         for (what, since) in &*parcels.lock().unwrap() {
    ///             list.add(*since, || format!("deliver {what}"), None);
    ///         }
    ///     });
    ///     cx.stopping().await;
    ///     Ok(())
    /// }
    /// # drop(upbeat::Part::new("courier", courier));
    /// ```
    pub fn register_work(&self, list: impl Fn(&mut WorkList) + Send + Sync + 'static) {
        self.run().add_source(Arc::new(list));
    }

    /// Subscribes to requests to reload the configuration: SIGHUP, or
    /// [`Handle::reload`](crate::Handle::reload). Earlier requests are not received.
    ///
    /// Without any such call of a player, SIGHUP stops the conductor gracefully. A subscription
    /// cannot be taken back.
    pub fn reloads(&self) -> Reloads {
        Reloads { requests: self.run().tree().reloads() }
    }

    /// Returns the overview of all players under the outermost conductor.
    pub fn overview(&self) -> Overview {
        Overview::new(self.run().tree().clone())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("path", &self.path())
            .field("attempt", &self.attempt())
            .field("stopping", &self.is_stopping())
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}
