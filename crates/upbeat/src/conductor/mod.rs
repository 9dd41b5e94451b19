//! The conductor, which plays parts together and is itself a player.

pub(crate) mod handle;

use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use upbeat_score::{Fault, Machine, PartSpec, Plan, Readiness, Score, ScoreError, Strategy};

use self::handle::Handle;
use crate::{
    context::Context,
    player::{Player, SharedPlayers, erased::DynPlayer, part::Part},
    process::{guard::Guard, signals},
    report::{Report, failure::Cause},
    run::stealable::Stealable,
    signal::Signal,
    supervisor::{
        control::Control,
        driver::{self, Parts, Played},
        request::Message,
        state::{PartEntry, PartRecord, Supervisor, SupervisorState},
    },
    targets,
    tree::{Tree, instances::DuplicatePlayer},
};

/// A set of parts that are played together: started in order, restarted or failed fast, and stopped
/// in reverse order inside a deadline.
///
/// It is itself a player, so conductors nest. The players of an inner conductor have their full
/// path, such as `shop/api/http`. Its stop budget ends before that of the outer conductor. The
/// [crate's page](crate) lists the guarantees.
///
/// In Go terms it is an `errgroup` whose members are supervised and stopped in order, or an
/// `orchestra.Conductor` that waits for all of them and loses no error.
///
/// ```
/// use upbeat::{Conductor, Context};
///
/// async fn worker(cx: Context) -> Result<(), std::io::Error> {
///     cx.stopping().await;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let shop = Conductor::new("shop").player("orders", worker).player("mails", worker);
/// let report = shop.play_until(async { /* or `play_until_signal()` */ }).await;
/// assert!(report.is_clean(), "{report}");
/// # }
/// ```
#[must_use = "a conductor does nothing until it plays"]
pub struct Conductor {
    score: Score,
    /// The players, by the index of their part.
    players: Vec<Arc<dyn DynPlayer>>,
    stop_signals: Vec<Signal>,
    control: Arc<Control>,
}

impl Conductor {
    /// Creates a conductor without parts. The name is the first segment of its players' paths,
    /// unless it is nested in another conductor.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self {
            control: Control::new(Tree::new(name.clone())),
            score: Score::new(name),
            players: Vec::new(),
            stop_signals: vec![Signal::INTERRUPT, Signal::TERMINATE, Signal::QUIT],
        }
    }

    /// Adds a player without policies, as `part(Part::new(name, player))`.
    pub fn player(self, name: impl Into<Arc<str>>, player: impl Player) -> Self {
        self.part(Part::new(name, player))
    }

    /// Adds a part.
    pub fn part(mut self, part: Part) -> Self {
        self.score.parts.push(part.spec);
        self.players.push(part.player);
        self
    }

    /// Sets the time of the whole stop, lame duck period included, after which the rest is aborted.
    /// Default 10 s.
    ///
    /// Inside another conductor it is also bounded by the rest of the outer budget, less a margin.
    /// With zero, all runs are aborted as soon as the stop begins.
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.score.stop_timeout = limit;
        self
    }

    /// Sets how long parts keep running, reported as not ready, between the stop request and the
    /// first stop, so that load balancers can drain. Default zero.
    ///
    /// It is part of the stop budget, and a time that leaves nothing of it is a fault of the score.
    /// It is skipped after a failure and on a second signal.
    pub fn lame_duck(mut self, time: Duration) -> Self {
        self.score.lame_duck = time;
        self
    }

    /// Sets the parts that are restarted together. Default: only the failed one.
    ///
    /// A part that [can be played only once](crate::once) and would be restarted together with
    /// another is a fault of the score, unless the other waits for its end. Erlang stops such a
    /// child and goes on without it. Here its dependents would wait for it for ever.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.score.strategy = strategy;
        self
    }

    /// Sets the signals that stop [`play_until_signal`](Conductor::play_until_signal). Default:
    /// INT, TERM and QUIT.
    ///
    /// HUP and USR1 among them stop too, instead of what they mean otherwise. If one of them cannot
    /// be caught, such as KILL, STOP or SEGV, nothing starts, and the cause of the report is
    /// [`NoSignals`](crate::report::Cause::NoSignals).
    pub fn stop_signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.stop_signals = signals.into_iter().collect();
        self
    }

    /// Returns a handle that stops the conductor, and that adds, removes, restarts and observes its
    /// parts. It can be used from any task.
    ///
    /// Before the conductor plays, only a [stop](Handle::stop) is accepted, and nothing will be
    /// started. Its parts are then given by [`part`](Conductor::part), and requests about them fail
    /// with [`HandleError::NotPlaying`](crate::HandleError::NotPlaying). To wait until it plays,
    /// use [`Overview::wait_ready`](crate::diagnostics::Overview::wait_ready).
    pub fn handle(&self) -> Handle {
        Handle::new(self.control.clone())
    }

    /// Finds all faults at once, and plans the start and the stop. Starts nothing. Playing does
    /// this first.
    ///
    /// # Errors
    ///
    /// Returns all faults. Those of nested conductors are found when they begin to play. Only a
    /// shared player that is given to two parts is found at any depth.
    pub fn check(&self) -> Result<Plan, ScoreError> {
        let mut faults = self.shared_instances();
        match self.score.check() {
            Ok(plan) if faults.is_empty() => Ok(plan),
            Ok(_) => Err(ScoreError::new(faults)),
            Err(error) => {
                faults.extend(error.faults);
                Err(ScoreError::new(faults))
            }
        }
    }

    /// Plays until all parts have ended, one has failed for good, or `stop` completes. Then stops
    /// the rest, and returns the report.
    ///
    /// A panic of a player does not propagate.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts all players at once, without a report.
    ///
    /// # Panics
    ///
    /// If polled outside a tokio runtime with timers.
    pub async fn play_until(self, stop: impl Future<Output = ()>) -> Report {
        self.play_to_end(stop).await.0
    }

    /// Plays, and returns whether all helper tasks of the library have ended, too.
    async fn play_to_end(mut self, stop: impl Future<Output = ()>) -> (Report, bool) {
        let prepared = self.prepare(self.score.name.clone(), None);
        // The score is not played again. With very many players this memory is a large part of all.
        self.score.parts = Vec::new();
        self.players = Vec::new();
        let play = self.play_prepared(prepared, None);
        let control = &self.control;
        let asked = async {
            stop.await;
            control.stop(crate::stop_cause::StopCause::Requested);
            std::future::pending().await
        };
        let played = Stealable::new(async {
            tokio::select! {
                biased;
                never = asked => never,
                played = play => played,
            }
        });
        let played = played.await;
        let helpers_ended = self.control.tree().wait_helpers().await;
        (self.report(played), helpers_ended)
    }

    /// Plays until all parts have ended, one has failed for good, or a stop signal arrives. For
    /// `main`.
    ///
    /// The handlers are installed before anything starts. The first INT, TERM or QUIT ([or
    /// others](Conductor::stop_signals)) stops gracefully, the second aborts, and the third exits
    /// at once with 128 plus its number. The same signal again within half a second is the same
    /// wish: npm, `timeout` and others pass on a copy of what the terminal sends to all. The
    /// handlers run on a separate thread and work while the runtime hangs. They stay installed: a
    /// signal after the end exits at once.
    ///
    /// HUP is a [reload request](Context::reloads) if a player has ever subscribed to these.
    /// Otherwise, and when the terminal of the process ends, it stops gracefully, and never aborts.
    /// If HUP was ignored when the process began, as under `nohup`, it never stops. That is known
    /// on Linux only. USR1 prints an [`Overview::dump`](crate::diagnostics::Overview::dump) to
    /// standard error.
    ///
    /// The process always ends, within two seconds after the budget. If the stop cannot finish,
    /// because every worker of the runtime is blocked, or a log layer, or standard error, another
    /// thread prints the parts that are left, and ends the process with
    /// [`OVERRAN`](crate::exit_code::OVERRAN). It flushes standard output if that is possible, and
    /// calls no handlers of `atexit`. If a run was aborted or left behind, it may keep the runtime
    /// from shutting down: `main` then has one second after this returns. As the result of `main`,
    /// the report is written to standard error, for one second at most.
    ///
    /// The budget is the time of the clock, also if the process stands still meanwhile (SIGSTOP, a
    /// snapshot of its machine): what sends a signal and then kills counts that time, too. After a
    /// standstill the end is one second later, so that the parts can still be reported.
    ///
    /// ```no_run
    /// # async fn worker(cx: upbeat::Context) -> Result<(), std::io::Error> { cx.stopping().await; Ok(()) }
    /// #[tokio::main]
    /// async fn main() -> upbeat::Report {
    ///     upbeat::Conductor::new("shop").player("worker", worker).play_until_signal().await
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As [`play_until`](Conductor::play_until).
    ///
    /// # Panics
    ///
    /// As [`play_until`](Conductor::play_until).
    pub async fn play_until_signal(self) -> Report {
        let tree = self.control.tree().clone();
        let watched = signals::watch(&self.control, &self.stop_signals);
        let guarded = Guard::new(self.score.stop_timeout, &tree);
        let (watch, guard) = match watched.and_then(|watch| guarded.map(|guard| (watch, guard))) {
            Ok(set_up) => set_up,
            Err(error) => return self.report(Played::nothing(Cause::NoSignals(error))),
        };
        let (report, helpers_ended) = self.play_to_end(std::future::pending()).await;
        drop(watch);
        guard.end(&report, helpers_ended);
        report
    }

    /// Returns a fault for each shared player that is given to a second part, also in nested
    /// conductors. The paths begin below this conductor.
    fn shared_instances(&self) -> Vec<Fault> {
        let mut shared = SharedPlayers::default();
        Player::list_shared(self, &mut shared);
        let fault = |DuplicatePlayer { path: part, other }| Fault::DuplicateInstance { part, other };
        shared.duplicates().into_iter().map(fault).collect()
    }

    fn machine(&self) -> Result<Machine, ScoreError> {
        let machine = Machine::new(&self.score, fastrand::u64(..));
        let mut faults = self.shared_instances();
        match machine {
            Ok(machine) if faults.is_empty() => return Ok(machine),
            Ok(_) => {}
            Err(error) => faults.extend(error.faults),
        }
        Err(ScoreError::new(faults))
    }

    /// Prepares to play under `path`. Returns the faults of the score.
    fn prepare(&self, path: Arc<str>, parent: Option<&Context>) -> Result<Prepared, ScoreError> {
        let machine = self.machine()?;
        for warning in machine.warnings() {
            tracing::warn!(target: targets::CONDUCTOR, player = %path, %warning, "questionable score");
        }
        let tree = parent.map_or_else(|| self.control.tree().clone(), |parent| parent.run().tree().clone());
        let mut part_path = format!("{path}/");
        let own = part_path.len();
        let entry = |spec: &PartSpec| {
            part_path.truncate(own);
            part_path.push_str(&spec.name);
            PartEntry::new(part_path.as_str().into())
        };
        let entries = self.score.parts.iter().map(entry).collect();
        let watchdog = |spec: &PartSpec| Some((machine.find(&spec.name)?, spec.watchdog?));
        let watchdogs = self.score.parts.iter().filter_map(watchdog).collect();
        let mut instances = HashMap::new();
        for (spec, player) in self.score.parts.iter().zip(&self.players) {
            let mut shared = SharedPlayers::below(&path);
            shared.part(&spec.name, |shared| player.list_shared(shared));
            let shared = shared.into_players();
            let Some(part) = machine.find(&spec.name).filter(|_| !shared.is_empty()) else { continue };
            match tree.instances().enter(&shared) {
                Ok(entered) => _ = instances.insert(part, entered),
                Err(DuplicatePlayer { path: part, other }) => {
                    tree.instances().leave(instances.into_values().flatten());
                    return Err(ScoreError::new(vec![Fault::DuplicateInstance { part, other }]));
                }
            }
        }
        let records = self.players.iter().cloned().map(PartRecord::new).collect();
        let (supervisor, messages) = Supervisor::new(path, tree, SupervisorState { machine, parts: entries });
        Ok(Prepared { supervisor, parts: Parts { records, watchdogs, instances }, messages })
    }

    async fn play_prepared(&self, prepared: Result<Prepared, ScoreError>, parent: Option<&Context>) -> Played {
        match prepared {
            Ok(Prepared { supervisor, parts, messages }) => {
                let _playing = self.control.begin(&supervisor);
                driver::play(&supervisor, parts, messages, self.score.stop_timeout, parent).await
            }
            Err(error) => Played::nothing(Cause::BadScore(error)),
        }
    }

    fn report(&self, played: Played) -> Report {
        Report {
            name: self.score.name.clone(),
            cause: played.cause,
            forced_by: self.control.forced_by(),
            players: played.players,
            took: played.took,
            stop_took: played.stopped_at.map(|at| played.took.saturating_sub(at)),
        }
    }
}

/// A conductor about to play.
struct Prepared {
    supervisor: Arc<Supervisor>,
    parts: Parts,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl fmt::Debug for Conductor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conductor").field("score", &self.score).finish_non_exhaustive()
    }
}

/// A nested conductor: it plays under the path of its part, is ready when all its parts are, and
/// stops when the outer conductor stops it.
///
/// It fails if one of its parts fails for good. Failures of its parts while stopping are in the
/// report under their own paths.
impl Player for Conductor {
    type Error = ConductorError;

    async fn play(&self, cx: Context) -> Result<(), ConductorError> {
        let prepared = self.prepare(cx.path().into(), Some(&cx));
        let played = Stealable::new(self.play_prepared(prepared, Some(&cx))).await;
        let mut root_cause = None;
        let failed = match &played.cause {
            Cause::Failed { path } => {
                root_cause = Some(path.clone());
                let failure = played.players.iter().find(|player| player.path == *path);
                let why = failure.and_then(|player| Some(player.failures.last()?.to_string()));
                let word = failure.map_or("failed", |player| player.outcome.as_str());
                Err(ConductorError { path: path.clone(), why: why.unwrap_or_else(|| word.to_owned()) })
            }
            Cause::BadScore(error) => Err(ConductorError { path: cx.path().into(), why: error.to_string() }),
            Cause::AllDone | Cause::Stopped(_) | Cause::NoSignals(_) => Ok(()),
        };
        cx.run().attach(played.players, root_cause);
        failed
    }

    fn readiness(&self) -> Readiness {
        Readiness::Signalled
    }

    fn list_shared(&self, players: &mut SharedPlayers) {
        for (spec, player) in self.score.parts.iter().zip(&self.players) {
            players.part(&spec.name, |players| player.list_shared(players));
        }
    }

    fn is_restartable(&self) -> bool {
        self.players.iter().all(|player| player.is_restartable())
    }
}

/// The error of a nested conductor, one of whose players failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct ConductorError {
    path: Arc<str>,
    why: String,
}

impl ConductorError {
    /// Returns the full path of the failed player, or of the conductor itself if its score is
    /// invalid.
    pub fn path(&self) -> &str {
        &self.path
    }
}
