//! The control loop: it performs the actions of the machine of `upbeat-score`, and returns events
//! to it. It never awaits a player.

use std::{collections::HashMap, convert::Infallible, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use upbeat_score::{Action, Budget, Cause as ScoreCause, Event, PartId, PartState, RunEnd, StopReason, Watchdog};

use super::{
    convert::{stop_cause_of_all, stop_cause_of_part},
    overrun::{MAX_PROBED, Overrun, abort_overrun},
    request::Message,
    state::{PartRecord, Supervisor, SupervisorState},
    stop_log::StopLog,
    watchdog,
};
use crate::{
    context::Context,
    display::millis,
    instant::{STANDSTILL, later},
    report::{failure::Cause, player::PlayerReport},
    run::{Playing, Run, event::RunEvent, stop::Stopping},
    stop_cause::StopCause,
    targets,
    tree::player_id::PlayerId,
};

/// The number of messages that are taken at once.
const BATCH: usize = 256;

/// The end of one conductor's play.
pub(crate) struct Played {
    pub(crate) cause: Cause,
    pub(crate) players: Vec<PlayerReport>,
    /// The time at which the stop began.
    pub(crate) stopped_at: Option<Duration>,
    pub(crate) took: Duration,
}

impl Played {
    /// Returns the end of a play in which nothing was started.
    pub(crate) fn nothing(cause: Cause) -> Self {
        Self { cause, players: Vec::new(), stopped_at: None, took: Duration::ZERO }
    }
}

/// The parts of a conductor, as only its control loop sees them.
pub(crate) struct Parts {
    /// By the index of the part.
    pub(crate) records: Vec<PartRecord>,
    /// Of the few parts that have one.
    pub(crate) watchdogs: HashMap<PartId, Watchdog>,
    /// The shared players that the parts have entered into the tree.
    pub(crate) instances: HashMap<PartId, Vec<PlayerId>>,
}

/// Plays to the end. `parent` is the context of a nested conductor.
pub(crate) async fn play(
    supervisor: &Arc<Supervisor>,
    Parts { records, watchdogs, instances }: Parts,
    mut messages: mpsc::UnboundedReceiver<Message>,
    stop_timeout: Duration,
    parent: Option<&Context>,
) -> Played {
    supervisor.link.tree.enter(supervisor);
    let mut driver = Driver {
        supervisor,
        records,
        watchdogs,
        instances,
        parent,
        stop_timeout,
        stopped_at: None,
        stop_log: None,
        stop_logged: false,
        ready_logged: false,
        last_stop: None,
    };
    // If a stop was requested before the start, nothing is started.
    let early_stop = supervisor.cause.get().is_some();
    let first = if early_stop { Event::StopAll { budget: None } } else { Event::Begin };
    let mut finished = driver.event(first, supervisor.now());
    let mut batch = Vec::with_capacity(BATCH);
    let mut armed_for = None;
    let mut alarm = pin!(sleep_until(Instant::now()));
    let parent_stop = async {
        match parent {
            Some(parent) => parent.stopping().await,
            None => std::future::pending().await,
        }
    };
    let mut parent_stop = pin!(parent_stop);
    let mut parent_stopped = false;
    while !finished {
        let wakeup = supervisor.state.lock().machine.poll_timeout();
        if wakeup != armed_for {
            armed_for = wakeup;
            if let Some(at) = wakeup.and_then(|at| supervisor.epoch.checked_add(at)) {
                alarm.as_mut().reset(at);
            }
        }
        // Once for all messages of one wake-up, because a watcher looks at everything again each
        // time.
        supervisor.link.tree.changed();
        finished = tokio::select! {
            biased;
            () = &mut parent_stop, if !parent_stopped => {
                parent_stopped = true;
                driver.stop_with_parent()
            }
            _ = messages.recv_many(&mut batch, BATCH) => driver.messages(&mut batch),
            () = &mut alarm, if armed_for.is_some() => {
                armed_for = None;
                driver.timeout(supervisor.now())
            }
        };
    }
    driver.played()
}

/// The control loop's own state.
///
/// It performs the actions of the machine without the lock of the supervisor's state, in their
/// order. So log events, wakers and code of players may look at the tree, and may block only the
/// loop itself.
pub(super) struct Driver<'a> {
    pub(super) supervisor: &'a Arc<Supervisor>,
    /// By the index of the part.
    pub(super) records: Vec<PartRecord>,
    pub(super) watchdogs: HashMap<PartId, Watchdog>,
    pub(super) instances: HashMap<PartId, Vec<PlayerId>>,
    parent: Option<&'a Context>,
    stop_timeout: Duration,
    stopped_at: Option<Duration>,
    /// Set while the outermost conductor stops.
    stop_log: Option<StopLog>,
    stop_logged: bool,
    ready_logged: bool,
    last_stop: Option<Arc<Stopping>>,
}

/// The outcome of a step of the machine, which is performed after the step.
pub(super) struct Step {
    actions: Vec<Action>,
    is_stopping: bool,
    all_ready: bool,
}

impl Drop for Driver<'_> {
    /// Aborts all runs: nothing outlives its conductor.
    fn drop(&mut self) {
        let left: Vec<_> = {
            let mut state = self.supervisor.state.lock();
            let tasks = self.records.iter_mut().map(|record| record.task.take());
            let runs = state.parts.iter_mut().map(|part| part.run.take());
            tasks.zip(runs).filter_map(|(task, run)| Some(Playing { task: task?, run: run? })).collect()
        };
        left.iter().for_each(Playing::abort);
        let instances = std::mem::take(&mut self.instances);
        self.supervisor.link.tree.instances().leave(instances.into_values().flatten());
        self.supervisor.link.tree.leave(&self.supervisor.path);
    }
}

impl Driver<'_> {
    /// Stops with the parent: with its cause, and within the time that it has left.
    fn stop_with_parent(&mut self) -> bool {
        let Some(parent) = self.parent else { return false };
        let left = parent.remaining().unwrap_or(Duration::MAX);
        let _ = self.supervisor.cause.set(parent.stop_cause().unwrap_or(StopCause::Requested));
        let budget = Budget::nested(self.stop_timeout, left);
        self.event(Event::StopAll { budget: Some(budget) }, self.supervisor.now())
    }

    fn messages(&mut self, batch: &mut Vec<Message>) -> bool {
        let now = self.supervisor.now();
        let mut finished = false;
        for message in batch.drain(..) {
            finished |= match message {
                Message::Event(event) => self.run_event(event, now),
                Message::Request(request) => self.request(*request, now),
            };
        }
        finished
    }

    fn run_event(&mut self, event: RunEvent, now: Duration) -> bool {
        match event {
            RunEvent::Ready { part, run } => self.event(Event::Ready { part, run }, now),
            RunEvent::Returned { part, run } => self.event(Event::Returned { part, run }, now),
            RunEvent::Unresponsive { part, run, restart } => {
                self.event(Event::Unresponsive { part, run, restart }, now)
            }
            RunEvent::Degraded { part, run, degraded } => self.event(Event::Degraded { part, run, degraded }, now),
            RunEvent::Ended { part, run } => self.ended(part, run, now),
        }
    }

    fn timeout(&mut self, now: Duration) -> bool {
        let (step, ()) = self.must_step(now, |state| (state.machine.handle_timeout(now), ()));
        self.perform(step, now)
    }

    pub(super) fn event(&mut self, event: Event, now: Duration) -> bool {
        let (step, ready) = self.must_step(now, |state| {
            let actions = state.machine.handle_event(event, now);
            let ready = match event {
                Event::Ready { part, .. } if state.machine.state(part) == PartState::Ready => {
                    let entry = state.part(part);
                    Some((part, entry.path.clone(), entry.run.clone()))
                }
                _ => None,
            };
            (actions, ready)
        });
        if let Some((part, path, run)) = ready {
            tracing::debug!(target: targets::PART, player = %path, "part ready");
            if let (Some(watchdog), Some(run)) = (self.watchdogs.get(&part), run) {
                self.supervisor.link.tree.add_helper(tokio::spawn(watchdog::watch(run, *watchdog)));
            }
        }
        self.perform(step, now)
    }

    /// Keeps the record of a run that is gone, and reports its end to the machine.
    fn ended(&mut self, part: PartId, run: u64, now: Duration) -> bool {
        // A leaked run of a removed part may end when another part already has its index.
        let ended = self.supervisor.state.lock().part_mut(part).run.take_if(|playing| playing.id() == run);
        let how = match ended {
            Some(run) => {
                let record = &mut self.records[part.index()];
                record.task = None;
                record.settle(&run)
            }
            None => RunEnd::Aborted,
        };
        self.event(Event::Ended { part, run, how }, now)
    }

    /// Takes a step of the machine, unless it is refused.
    pub(super) fn step<T, E>(
        &self,
        now: Duration,
        step: impl FnOnce(&mut SupervisorState) -> Result<(Vec<Action>, T), E>,
    ) -> Result<(Step, T), E> {
        let mut state = self.supervisor.state.lock();
        // The whole process stood still, so the runs had no chance either.
        state.machine.forgive(STANDSTILL, now);
        let (actions, value) = step(&mut state)?;
        let machine = &state.machine;
        let all_ready = !self.ready_logged && machine.all_ready();
        Ok((Step { actions, is_stopping: machine.is_stopping(), all_ready }, value))
    }

    fn must_step<T>(&self, now: Duration, step: impl FnOnce(&mut SupervisorState) -> (Vec<Action>, T)) -> (Step, T) {
        let Ok(taken) = self.step(now, |state| Ok::<_, Infallible>(step(state)));
        taken
    }

    /// Performs the actions of a step. Returns whether everything has ended.
    pub(super) fn perform(&mut self, step: Step, now: Duration) -> bool {
        if step.is_stopping && !self.stop_logged {
            self.stop_logged = true;
            self.begin_stop(now);
        }
        if step.all_ready && !self.ready_logged {
            self.ready_logged = true;
            let player = &self.supervisor.path;
            tracing::info!(target: targets::CONDUCTOR, %player, elapsed_ms = millis(now), "all ready");
            if let Some(parent) = self.parent {
                parent.ready();
            }
        }
        let mut finished = false;
        let mut overrun = Vec::new();
        for action in step.actions {
            match action {
                Action::Start { part, run, attempt } => self.start(part, run, attempt),
                Action::Stop { part, deadline, reason, .. } => self.stop(part, deadline, reason),
                Action::Abort { part, .. } => self.abort(part, now, &mut overrun),
                Action::Retry { part, at } => {
                    let path = self.supervisor.state.lock().path(part);
                    let error = self.records[part.index()].last_failure();
                    let delay_ms = millis(at.saturating_sub(now));
                    tracing::warn!(target: targets::PART, player = %path, delay_ms, error, "restarting part");
                }
                Action::Over { part, end } => {
                    self.over(part, end);
                    self.leave_instances(part);
                }
                Action::Finished => finished = true,
            }
        }
        if !overrun.is_empty() {
            self.supervisor.link.tree.add_helper(tokio::spawn(abort_overrun(overrun)));
        }
        finished
    }

    fn begin_stop(&mut self, now: Duration) {
        self.stopped_at = Some(now);
        let (cause, is_finished) = {
            let state = self.supervisor.state.lock();
            let cause = || stop_cause_of_all(state.machine.cause(), |part| state.root_cause(part, &self.records));
            (self.supervisor.cause.get_or_init(cause), state.machine.is_finished())
        };
        if self.parent.is_none() {
            self.supervisor.link.tree.stopping();
        }
        if !is_finished {
            tracing::info!(target: targets::CONDUCTOR, player = %self.supervisor.path, %cause, "stopping");
            if self.parent.is_none() {
                self.stop_log = Some(StopLog::start(&self.supervisor.link.tree));
            }
        }
    }

    fn start(&mut self, part: PartId, run: u64, attempt: u32) {
        let link = self.supervisor.link.clone();
        let run = {
            let mut state = self.supervisor.state.lock();
            let readiness = state.machine.readiness(part);
            let entry = state.part_mut(part);
            let run = Run::new(link, entry.path.clone(), part, run, attempt, readiness);
            // Before the player begins, which may look for itself.
            entry.run = Some(run.clone());
            run
        };
        tracing::debug!(target: targets::PART, player = %run.path(), attempt, "starting part");
        let record = &mut self.records[part.index()];
        if let Some(history) = &mut record.history {
            (history.root_cause, history.restart_request) = (None, None);
        }
        record.task = Some(record.player.clone().start(&run));
    }

    fn stop(&mut self, part: PartId, deadline: Duration, reason: StopReason) {
        let (run, cause) = {
            let state = self.supervisor.state.lock();
            let Some(run) = state.part(part).run.clone() else { return };
            (run, stop_cause_of_part(reason, self.supervisor.cause.get(), |other| state.path(other)))
        };
        tracing::debug!(target: targets::PART, player = %run.path(), %cause, "stopping part");
        // From here on the time inside a poll that blocks its thread is measured.
        run.probe().busy();
        let stopping = Stopping { deadline: later(self.supervisor.epoch, deadline), cause };
        // Shared by all runs that are asked to stop together.
        let shared = self.last_stop.take().filter(|last| **last == stopping).unwrap_or_else(|| Arc::new(stopping));
        run.ask_to_stop(shared.clone());
        self.last_stop = Some(shared);
    }

    fn abort(&self, part: PartId, now: Duration, overrun: &mut Vec<Overrun>) {
        let Some(task) = self.records[part.index()].task.clone() else { return };
        let (run, snapshot) = {
            let state = self.supervisor.state.lock();
            let Some(run) = state.part(part).run.clone() else { return };
            let probed = state.machine.overran(part) && overrun.len() < MAX_PROBED;
            (run, probed.then(|| state.snapshot(part, now)))
        };
        let playing = Playing { run, task };
        if let Some(mut snapshot) = snapshot {
            // A conductor waits for its players, which are probed themselves.
            snapshot.probe.take_if(|_| self.supervisor.link.tree.find(&snapshot.path).is_some());
            overrun.push(Overrun { playing, snapshot });
        } else {
            tracing::warn!(target: targets::PART, player = %playing.run.path(), "part aborted");
            playing.abort();
        }
    }

    fn played(mut self) -> Played {
        let took = self.supervisor.now();
        let (cause, parts) = {
            let state = self.supervisor.state.lock();
            let cause = match state.machine.cause() {
                Some(ScoreCause::Failed(part)) => Cause::Failed { path: state.root_cause(part, &self.records) },
                Some(ScoreCause::AllDone) | None => Cause::AllDone,
                Some(ScoreCause::Requested | ScoreCause::EndedBy(_)) => {
                    Cause::Stopped(self.supervisor.cause.get().cloned().unwrap_or(StopCause::Requested))
                }
            };
            (cause, state.machine.parts().collect::<Vec<_>>())
        };
        let mut players = Vec::with_capacity(parts.len());
        for part in parts {
            let report = self.report(part);
            let optional = report.optional;
            players.push(report);
            if let Some(history) = &mut self.records[part.index()].history {
                // The players inside an optional part are optional too.
                let nested = history.players.drain(..);
                players.extend(nested.map(|player| PlayerReport { optional: player.optional || optional, ..player }));
            }
        }
        Played { cause, players, stopped_at: self.stopped_at, took }
    }
}
