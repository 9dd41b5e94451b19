//! A part: a player with its name and its policies.

use std::{fmt, sync::Arc, time::Duration};

use upbeat_score::{Condition, Kind, OnFailure, OnUnresponsive, PartSpec, Readiness, Restart, Watchdog};

use super::{Player, erased::DynPlayer};

/// A player with its name and its policies. Given to [`Conductor::part`](crate::Conductor::part) or
/// [`Handle::add`](crate::Handle::add).
///
/// Without any policy it is a service that nothing waits for: its end before a stop is a failure, and its failure stops everything.
///
/// ```
/// use std::time::Duration;
/// use upbeat::{Context, Part, restart::{Backoff, Restart}};
///
/// async fn consume(cx: Context) -> Result<(), std::io::Error> {
///     cx.stopping().await;
///     Ok(())
/// }
///
/// let part = Part::new("consumer", consume)
///     .after("db")
///     .stop_timeout(Duration::from_secs(3))
///     .restart(Restart::on_failure(Backoff::exponential(Duration::from_millis(100), Duration::from_secs(30))).max_restarts(5));
/// # drop(part);
/// ```
#[must_use = "a part does nothing until it is given to a conductor"]
pub struct Part {
    pub(crate) spec: PartSpec,
    pub(crate) player: Arc<dyn DynPlayer>,
}

impl Part {
    /// A part that plays `player` under `name`, which is unique within its conductor, and has no `/` and no white space.
    pub fn new(name: impl Into<Arc<str>>, player: impl Player) -> Self {
        let mut spec = PartSpec::new(name);
        spec.readiness = Player::readiness(&player);
        spec.restartable = Player::restartable(&player);
        Self { spec, player: Arc::new(player) }
    }

    /// Starts once `other` is ready (if it is a [job](Part::job): once it has finished), and stops before it.
    pub fn after(mut self, other: impl Into<Arc<str>>) -> Self {
        self.spec = self.spec.after(other);
        self
    }

    /// Starts once `condition` holds for `other`, and stops before it.
    pub fn after_when(mut self, other: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.spec = self.spec.after_when(other, condition);
        self
    }

    /// Starts before, and stops after, every part of the conductor that is not marked so itself. For diagnostics, and what else has to be there all the time.
    pub fn first_and_last(mut self) -> Self {
        self.spec.first_and_last = true;
        self
    }

    /// Is ready when the player calls [`Context::ready`](crate::Context::ready), and not at its start.
    pub fn signals_ready(mut self) -> Self {
        self.spec.readiness = Readiness::Signalled;
        self
    }

    /// Sets how long a run may take to be ready before it has failed. Default 30 s.
    pub fn ready_timeout(mut self, limit: Duration) -> Self {
        self.spec.ready_timeout = limit;
        self
    }

    /// Sets how long a run may take to stop before it is aborted. Default: what the conductor has left, less
    /// a reserve for those that stop after it. It never gets more than that.
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.spec.stop_timeout = Some(limit);
        self
    }

    /// Sets when and how often it is started again. Default: never.
    pub fn restart(mut self, policy: Restart) -> Self {
        self.spec.restart = policy;
        self
    }

    /// Makes it a job: its end is a success, and those that come [after](Part::after) it wait for that.
    pub fn job(mut self) -> Self {
        self.spec.kind = Kind::Job;
        self
    }

    /// Stops everything when it returns `Ok`.
    pub fn stops_all(mut self) -> Self {
        self.spec.stops_all = true;
        self
    }

    /// Sets what its final failure means for the others. Default: everything stops.
    pub fn on_failure(mut self, what: OnFailure) -> Self {
        self.spec.on_failure = what;
        self
    }

    /// Watches for signs of life: [`Context::heartbeat`](crate::Context::heartbeat), [`Context::progress`](crate::Context::progress). If there is none for
    /// `timeout` after the run is ready, the log says so, with where the player waits, and `action` follows. Default: none are expected.
    ///
    /// While the player is [blocked on](crate::Context::blocked_on) somebody else, and once it was asked to stop, nothing is expected of it.
    /// A run that is stopped for its silence has the stop budget of the part, and is aborted after it; the next begins when it is gone.
    /// If it does not go at all, because it never yields, it is a leak and the part has failed.
    ///
    /// Nobody beats for the player: a server that has nothing to do, and a nested conductor, give no signs of life and would be blamed.
    /// It is for players that do something now and then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use upbeat::{Context, Part, score::OnUnresponsive};
    ///
    /// async fn consume(cx: Context) -> Result<(), std::io::Error> {
    ///     while let Some(_event) = cx.unless_stopping(next_event()).await {
    ///         cx.heartbeat();
    /// #       break;
    ///     }
    ///     Ok(())
    /// }
    /// # async fn next_event() {}
    /// let part = Part::new("consumer", consume).watchdog(Duration::from_secs(30), OnUnresponsive::Restart);
    /// # drop(part);
    /// ```
    pub fn watchdog(mut self, timeout: Duration, action: OnUnresponsive) -> Self {
        self.spec.watchdog = Some(Watchdog::new(timeout, action));
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("spec", &self.spec).finish_non_exhaustive()
    }
}
