//! What a player may ask of its conductor.

#[doc(hidden)]
pub mod carrier;
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

/// What a player may ask of its conductor: whether to stop, how long is left, and a place to say how it is doing.
///
/// A cheap clone, owned: it can be kept, sent and given away. It belongs to one *run* of the player; after a restart the new run
/// has a new one. It owns no work: dropping it cancels nothing.
///
/// # The run, and the scope
///
/// A context speaks of two things.
///
/// - The **run** of the player: [`stopping`](Context::stopping), [`is_stopping`](Context::is_stopping),
///   [`stop_cause`](Context::stop_cause), [`unless_stopping`](Context::unless_stopping). These are the same for all contexts that are derived
///   from one.
/// - Its own **scope**: [`done`](Context::done), [`error`](Context::error), [`unless_done`](Context::unless_done),
///   [`cancel`](Context::cancel), [`value`](Context::value). This is the context of Go: a tree, in which a child is done with its
///   parent and never the reverse, with deadlines and values that children inherit.
///
/// The two meet at the top: the context that a player is given is done exactly when its run is asked to stop (or is over), and so are its
/// children. Only [`until_deadline`](Context::until_deadline) makes one that is not.
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
/// A child needs no task, no timer and no `defer cancel()`: when its last clone is dropped, nothing of it is left.
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
/// assert!(cx.error().is_none(), "what it was made from goes on");
/// # }
/// ```
#[derive(Clone)]
pub struct Context(pub(crate) Place);

/// A scope knows its run, so that a context takes two words and its clone counts once: a player keeps one, and a server makes one for
/// every request.
#[derive(Clone)]
pub(crate) enum Place {
    /// The run's own context, which must not need memory of its own.
    Run(Arc<Run>),
    Scope(Arc<Scope>),
}

impl Context {
    /// A context without a conductor, for tests, command line programs and `main`: Go's `context.Background`.
    ///
    /// Its path is `background`. It is never asked to stop and never done; its children are when they are cancelled or their deadline
    /// passes.
    ///
    /// # Not guaranteed
    ///
    /// Nobody conducts it. [`ready`](Context::ready) does nothing; [`spawn`](Context::spawn) spawns, but nobody waits for the task,
    /// aborts it or reports its panic (its handle tells of it); details, notes and cuts appear in no report; there are no
    /// reloads, and the [`overview`](Context::overview) is empty. Each call makes another one, which shares nothing with the others.
    ///
    /// ```
    /// use upbeat::Context;
    ///
    /// let cx = Context::background();
    /// assert_eq!(cx.path(), "background");
    /// assert!(!cx.is_stopping() && cx.error().is_none());
    /// ```
    pub fn background() -> Self {
        Self(Place::Run(Run::background()))
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        match &self.0 {
            Place::Run(run) => run,
            Place::Scope(scope) => scope.run(),
        }
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        match &self.0 {
            Place::Run(_) => None,
            Place::Scope(scope) => Some(scope),
        }
    }

    /// The player's full path, such as `shop/api/http`.
    pub fn path(&self) -> &str {
        self.run().path()
    }

    /// The player's own name: the last segment of its [path](Context::path).
    pub fn name(&self) -> &str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Which run this is: 0 for the first, then 1, 2, … for each restart.
    pub fn attempt(&self) -> u32 {
        self.run().attempt()
    }

    /// Says that this run is ready, so that what depends on it may start. Later calls change nothing.
    ///
    /// For parts whose readiness is [`Signalled`](crate::score::Readiness::Signalled). For others a call is ignored and warned
    /// about once, because it shows a misunderstanding: they were ready after their first poll.
    pub fn ready(&self) {
        self.run().say_ready();
    }

    /// Whether this run was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.run().stop.is_asked()
    }

    /// Completes when this run is asked to stop; at once if it was already.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing, and it can be asked for again.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        Wait::new(self.run().clone())
    }

    /// Runs `work` until it is done (`Some`) or this run is asked to stop (`None`).
    ///
    /// A stop that is already asked for wins over work that is ready.
    ///
    /// # Cancel safety
    ///
    /// On a stop `work` is dropped where it stands: only for work that may be interrupted at any `await`.
    pub async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stopping() => None,
            done = work => Some(done),
        }
    }

    /// Why this run was asked to stop; `None` until it was.
    pub fn stop_cause(&self) -> Option<StopCause> {
        Some(self.run().stop.stopping()?.cause.clone())
    }

    /// When this context is done at the latest, as far as is known: the earliest of its own deadline, those of the contexts above it, and,
    /// once a stop was asked for, the time when the run will be aborted. `None` if there is none of them.
    ///
    /// Work that has a bound of its own should keep some distance to it, so that it can still say what it cut.
    pub fn deadline(&self) -> Option<Instant> {
        let run = self.run().stop.stopping().map(|stopping| stopping.deadline);
        let scope = self.scope().and_then(|scope| scope.deadline());
        run.into_iter().chain(scope).min()
    }

    /// How long is left until the [deadline](Context::deadline), zero when it has passed; `None` where there is none: for a player's own
    /// context until a stop was asked for.
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(Instant::now()))
    }

    /// Returns until when work may be drained, so that the player can still report what is lost: a little before the
    /// [deadline](Context::deadline). `None` if there is no deadline.
    ///
    /// The margin is a tenth of the time that is left, and at most 100 ms. It is calculated at the time of the call, so a
    /// drain asks once, when it begins.
    pub fn drain_deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let left = self.deadline()?.saturating_duration_since(now);
        Some(now + left.saturating_sub((left / 10).min(Duration::from_millis(100))))
    }

    /// Spawns a task that belongs to this run.
    ///
    /// The run counts as stopped only when the task is gone too, and the task is aborted with the run at its stop deadline. When
    /// the player returns, what it spawned is told to stop: [`stopping`](Context::stopping) completes. A panic in
    /// the task is reported, and fails the run when that ends; it does not interrupt the run.
    ///
    /// It does not matter which of a run's contexts it is called on: that one is done does not end the task.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: impl Into<Arc<str>>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        Run::spawn(self.run(), name.into(), work)
    }

    /// Publishes a fact about this run, such as `("listening", "127.0.0.1:8080")`, to the [`Overview`]. A
    /// later value under the same key replaces the earlier one.
    pub fn detail(&self, key: &'static str, value: impl fmt::Display) {
        self.run().detail(key, value.to_string());
    }

    /// Adds a line to this player's entry in the [`Report`](crate::Report).
    ///
    /// The report keeps the last 64 lines of a player.
    pub fn note(&self, line: impl fmt::Display) {
        self.run().note(line.to_string());
    }

    /// Says that accepted work was cut off because its deadline had passed: a line in the [`Report`](crate::Report), whose exit code
    /// becomes [`OVERRAN`](crate::exit_code::OVERRAN).
    ///
    /// The report keeps the first 1,024 lines of a player and counts the others.
    pub fn report_lost(&self, line: impl fmt::Display) {
        self.run().report_lost(line.to_string());
    }

    /// Gives a sign of life, for the part's [watchdog](crate::Part::watchdog) and for reports. Costs some tens of nanoseconds.
    pub fn heartbeat(&self) {
        self.run().pulse().add(0);
    }

    /// Counts steps of work, which is a sign of life too. Reports and [`Overview`] show how many there were.
    pub fn progress(&self, steps: u64) {
        self.run().pulse().add(steps);
    }

    /// Leaves a breadcrumb: what this run is doing now, such as `flushing`. Reports show the last one, and how old it is.
    pub fn set_status(&self, what: impl Into<Cow<'static, str>>) {
        self.run().pulse().at(what.into());
    }

    /// Runs `work` that waits for somebody else, such as a queue that is full because its consumer is slow: meanwhile the
    /// [watchdog](crate::Part::watchdog) expects no signs of life, and reports say on whom this run is blocked. The end is a sign of
    /// life. The idea is that of the protected zone of quickwit-actors.
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
    pub async fn blocked_on<T>(&self, whom: impl Into<Cow<'static, str>>, work: impl Future<Output = T>) -> T {
        let _blocked = self.run().pulse().blocked_on(whom.into());
        work.await
    }

    /// Names a source of what this run has under way beside its own task and what it [spawned](Context::spawn): requests, tracked
    /// work, child processes. [`Overview`] asks it whenever somebody looks, on the looker's thread; it must be quick, and neither block nor panic.
    ///
    /// The run keeps it until its end. What it captures must not keep the context alive, or neither is ever freed: capture a `Weak`.
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

    /// Requests to reload the configuration (SIGHUP, or [`Handle::reload`](crate::Handle::reload)) that arrive from now on.
    pub fn reloads(&self) -> Reloads {
        Reloads { requests: self.run().tree().reloads() }
    }

    /// The states of all players in the whole tree that this player is a part of.
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
