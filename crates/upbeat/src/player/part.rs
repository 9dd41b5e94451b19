//! A part: a player with its name and its policies.

use std::{fmt, sync::Arc, time::Duration};

use upbeat_score::{Condition, Kind, OnFailure, OnUnresponsive, PartSpec, Readiness, Restart, Watchdog};

use super::{Player, erased::DynPlayer};

/// A player with its name and its policies, for [`Conductor::part`](crate::Conductor::part) or
/// [`Handle::add`](crate::Handle::add).
///
/// Without a policy it is a service without dependents: an end before a stop request is a failure,
/// and a failure stops all parts.
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
    /// Creates a part that plays `player` under `name`. The name is unique within its conductor,
    /// without `/` and white space.
    pub fn new(name: impl Into<Arc<str>>, player: impl Player) -> Self {
        let mut spec = PartSpec::new(name);
        spec.readiness = Player::readiness(&player);
        spec.restartable = Player::is_restartable(&player);
        Self { spec, player: Arc::new(player) }
    }

    /// Starts the part once `other` is ready, or has finished if it is a [job](Part::job), and
    /// stops it before `other`.
    pub fn after(mut self, other: impl Into<Arc<str>>) -> Self {
        self.spec = self.spec.after(other);
        self
    }

    /// Starts the part once `condition` holds for `other`, and stops it before `other`.
    pub fn after_when(mut self, other: impl Into<Arc<str>>, condition: Condition) -> Self {
        self.spec = self.spec.after_when(other, condition);
        self
    }

    /// Starts the part first and stops it last: before and after all parts without this mark. For
    /// diagnostics and logs, which have to be there all the time.
    pub fn first_and_last(mut self) -> Self {
        self.spec.first_and_last = true;
        self
    }

    /// Makes the part ready when its player calls [`Context::ready`](crate::Context::ready), and
    /// not at its start.
    pub fn signals_ready(mut self) -> Self {
        self.spec.readiness = Readiness::Signalled;
        self
    }

    /// Sets the time in which a run has to become ready. Later it has failed. Default 30 s.
    ///
    /// Zero is a fault of the score. [`Duration::MAX`] is no limit.
    ///
    /// The time in which the whole process stands still does not count, as for a
    /// [watchdog](Part::watchdog).
    pub fn ready_timeout(mut self, limit: Duration) -> Self {
        self.spec.ready_timeout = limit;
        self
    }

    /// Sets the time after which a stopping run is aborted. The default, and the upper bound, is
    /// the rest of the conductor's budget less a reserve for the parts that stop later.
    ///
    /// With zero, a run is aborted as soon as it is asked to stop. An abort makes the exit code
    /// [`OVERRAN`](crate::exit_code::OVERRAN).
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.spec.stop_timeout = Some(limit);
        self
    }

    /// Sets the restart policy. Default: no restarts. A player that [can be played only
    /// once](crate::once) has none.
    pub fn restart(mut self, policy: Restart) -> Self {
        self.spec.restart = policy;
        self
    }

    /// Makes the part a job: its end is a success, and parts [after](Part::after) it wait for its
    /// end.
    pub fn job(mut self) -> Self {
        self.spec.kind = Kind::Job;
        self
    }

    /// Stops all parts when its player returns `Ok`.
    pub fn stops_all(mut self) -> Self {
        self.spec.stops_all = true;
        self
    }

    /// Sets the consequence of its final failure. Default: all parts stop.
    pub fn on_failure(mut self, consequence: OnFailure) -> Self {
        self.spec.on_failure = consequence;
        self
    }

    /// Expects heartbeats: [`Context::heartbeat`](crate::Context::heartbeat) or
    /// [`Context::progress`](crate::Context::progress). If a ready run sends none for `timeout`, an
    /// event with its location is logged, and `action` follows. Default: none are expected.
    ///
    /// No heartbeat is expected while the player is [blocked on](crate::Context::blocked_on)
    /// another component, and after a stop request. An unresponsive run that is stopped has the
    /// part's stop budget, and is then aborted. The next run begins when it is gone. A run that
    /// never yields is leaked, and the part has failed. A timeout of zero is a fault of the score.
    ///
    /// The time in which the whole process stands still (SIGSTOP, a suspended machine) does not
    /// count. It shows as lateness of the watchdog's own timer. So a watchdog that itself comes
    /// late, because all workers are blocked or a test advances a paused clock, notices a silence
    /// later.
    ///
    /// Heartbeats are never sent implicitly: an idle server or a nested conductor would be reported
    /// as unresponsive. The watchdog is for players that are active by themselves.
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
